"""The local Slack: that it refuses what Slack refuses, and that unmodified SDKs cannot tell it from Slack."""
