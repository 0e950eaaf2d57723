"""Reads as a chat shows them: few rows, the trouble first, a way to all of them. Pure functions of what was read."""
