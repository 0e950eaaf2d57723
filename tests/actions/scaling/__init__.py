"""Scaling on a real control plane, with what would undo it."""
