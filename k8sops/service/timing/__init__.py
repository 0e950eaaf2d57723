"""A timeline of a live cluster: what is read for it, bounded and side by side, and what belongs to what was named."""
