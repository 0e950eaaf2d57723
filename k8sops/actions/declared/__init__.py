"""The declarations of all actions, one module for each family: literals only, importing no action."""
