"""The official JavaScript SDK against the local Slack."""
