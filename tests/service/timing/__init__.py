"""Tests of what a timeline reads of a cluster."""
