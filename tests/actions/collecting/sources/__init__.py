"""Tests of the sources of a bundle."""
