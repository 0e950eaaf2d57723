"""Screenshots for the README and the docs, made from a real sandbox by `make shots`."""
