"""Tests that break fsbus: death at every step, real kill -9, races, scans beside renames."""
