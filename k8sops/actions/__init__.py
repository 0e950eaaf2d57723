"""The operations: one module per action, each a plan and its application, and the registry that classifies them."""
