"""Live tables as a desk shows them: the server's rows, with figures beside them, of several places at once."""
