"""Measurements: ratios against a bare download and against the official client, on the same server in the same run."""
