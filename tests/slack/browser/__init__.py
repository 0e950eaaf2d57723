"""The local Slack's page in a real browser without a window, clicked by the mouse where things stand."""
