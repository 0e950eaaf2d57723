"""Drain: nodes emptied of their pods through the Eviction API."""
