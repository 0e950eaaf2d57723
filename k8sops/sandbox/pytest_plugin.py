"""Fixtures that give tests a real control plane."""
