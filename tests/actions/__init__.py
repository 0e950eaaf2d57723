"""Actions: their plans, their declarations."""
