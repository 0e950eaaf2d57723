"""The action `logs`: a bundle of logs, objects, events and what else explains them, over a window of time."""
