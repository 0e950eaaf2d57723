"""The small operations of every day on single objects: label, annotate, taint, suspend, trigger, evict, delete."""
