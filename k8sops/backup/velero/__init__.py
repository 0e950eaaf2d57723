"""Backups that Velero made, read so that people can move: its tarball's layout, and nothing of its storage."""
