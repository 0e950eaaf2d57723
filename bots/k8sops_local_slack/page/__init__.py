"""A page to click through the local Slack by hand, as any of its people: for the demo, and for looking at a card."""
