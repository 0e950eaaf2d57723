"""Block Kit, with its limits: a message or view that Slack would refuse is refused, in its words and with the place."""
