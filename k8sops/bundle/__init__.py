"""The form of a log bundle: its layout, its index, and how it is written as a folder or an archive, and read again.

Knows nothing of clusters: what goes in is bytes under a path, with a word on where they come from.
"""
