"""The whole bot: a person types in Slack, another approves, the cluster changes, and every message says so."""
