"""Tests of what the cluster would do, against what it does."""
