"""The mirror: its plan as tables, and as a machine that looks for a world in which it breaks a promise."""
