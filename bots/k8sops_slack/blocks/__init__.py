"""Slack's blocks, made so that nothing from outside is markup and no limit of Slack's is ever passed."""
