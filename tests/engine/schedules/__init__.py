"""Schedules: pure parts, both stores, several processes."""
