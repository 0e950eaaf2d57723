"""Setting the bot up: what Slack is asked before anything is served; the command line asks the people."""
