"""Cluster access, against a real control plane and against servers that misbehave on purpose."""
