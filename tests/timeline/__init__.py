"""Tests of the timeline: from objects, logs and runs to one line of time."""
