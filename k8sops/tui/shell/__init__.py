"""What outlives every screen: the terminal and its end, chosen keys and looks, what is offered anywhere."""
