"""Tests of the places that a backup repository lies in."""
