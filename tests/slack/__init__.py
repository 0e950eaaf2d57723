"""The bot and the local Slack: over real HTTP and real WebSockets, with the unmodified slack_bolt."""
