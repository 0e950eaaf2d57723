"""The small operations on single objects, on a real control plane."""
