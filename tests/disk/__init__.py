"""Disks in trouble: full, without inodes, read-only, with folders missing or belonging to somebody else."""
