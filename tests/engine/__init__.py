"""The engine: runs, their carriers, schedules; on both kinds of store, and under attack."""
