"""Tests of the action `logs` and of what goes into its bundles."""
