"""Runs on the screen: one that goes on, all there were, those that wait for a yes, and what leaving means for them."""
