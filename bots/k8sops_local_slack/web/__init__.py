"""What the bot calls: the Web API, response urls, upload and download addresses."""
