"""What is said below a card: how far the run is, how it ended, who was asked. Pure functions of the run."""
