"""A run as a card: one message that stays true from the proposal to the end. Pure functions of the run."""
