"""The history of a seeded sandbox."""
