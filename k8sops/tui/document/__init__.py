"""Texts that are read: an object as YAML or in words, a chart's values; searched, copied and saved the same way."""
