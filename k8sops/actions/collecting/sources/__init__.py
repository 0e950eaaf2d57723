"""What goes into a bundle, a source per module: each reads what it may, and says what it could not."""
