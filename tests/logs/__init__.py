"""Logs of many containers: which, in what order, and each line once."""
