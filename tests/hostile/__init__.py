"""What must not be trusted: entries in an inbox of every kind that a person, a program or an enemy may leave there."""
