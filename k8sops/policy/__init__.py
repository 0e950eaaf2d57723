"""Who may do what, and who has to agree: pure rules over plans, persons and signed statements."""
