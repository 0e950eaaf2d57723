"""Tests of the drain: its verdicts, its plan, and how it is carried out."""
