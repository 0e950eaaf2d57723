"""A real, local control plane with simulated nodes: built, started, watched and stopped by these modules.

Used by the command line, by drills and by tests; nothing below `cli` imports it.
"""
