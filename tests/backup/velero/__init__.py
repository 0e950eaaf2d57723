"""Tests of reading what Velero made."""
