"""The Slack bot: a door like the terminal's, which renders plans and runs and sends what people type and click.

It sees the service and core's words only. Who somebody is, and what they may, is decided below; a click here is never
more than a vote the bot attests.
"""
