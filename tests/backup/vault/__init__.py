"""Tests of a repository in use."""
