"""Under which names the bot's replicas keep what they share in the store (`door_state`)."""

from __future__ import annotations

from typing import Final

ASKED: Final = "slack.asked"
"""Who was asked for approval of a run; keys begin with the run."""
CARDS: Final = "slack.cards"
"""Messages that show a run; keys begin with it."""
HELD: Final = "slack.held"
"""What somebody is at; the cursor says since when."""
INBOX: Final = "slack.inbox"
"""What was asked for and is not done."""
LINES: Final = "slack.lines"
"""What was typed while something is asked back; the cursor says when."""
NEWS_TOLD: Final = "slack.news_told"
"""News that a channel was told; the cursor says when."""
ONCE: Final = "slack.once"
"""What is done once; the cursor says when it was."""
OWED: Final = "slack.owed"
"""Runs whose bundles are to be handed over; the cursor says before when it is not to be tried."""
TOGETHER: Final = "slack.together"
"""Messages for several runs; keys end with a ULID."""
