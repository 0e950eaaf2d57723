"""Tests of what takes secrets out of records."""
