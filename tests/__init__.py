"""The tests: the tree below mirrors the package."""
