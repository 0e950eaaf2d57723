"""Tests of the sandbox: a real control plane, really started, broken and stopped."""
