"""Tests of the action `restore`."""
