"""Doing something to the rows of a table: the key, one dialog with value, live plan and confirm, and its start."""
