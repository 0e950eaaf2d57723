"""What the chat's bot is given: persons, clusters as they see them, whom to tell."""
