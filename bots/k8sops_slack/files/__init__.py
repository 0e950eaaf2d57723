"""What is too long for a message, as the text of a file."""
