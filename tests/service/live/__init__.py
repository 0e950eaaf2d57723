"""Live tables as a desk shows them."""
