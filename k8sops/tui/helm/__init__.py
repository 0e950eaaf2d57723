"""Helm releases: what is installed, its history, the values it was given, its notes and its objects."""
