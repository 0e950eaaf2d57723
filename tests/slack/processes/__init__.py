"""The bot as real processes."""
