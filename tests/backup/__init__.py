"""Tests of the backup repository: its file formats and its storages."""
