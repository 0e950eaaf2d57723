"""The running bot: what Slack sends in, what people asked for done, and every message kept true. No rule of its own."""
