"""Rollouts on a real control plane."""
