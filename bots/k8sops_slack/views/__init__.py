"""Dialogs and the bot's own page, as Slack draws them, and what comes back from them."""
