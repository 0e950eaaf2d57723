"""The first look: what is in trouble and why, what runs or waits, and what is overdue, tile by tile."""
