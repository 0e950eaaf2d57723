"""Tests of the bot's pure parts: what people type, and what they are shown."""
