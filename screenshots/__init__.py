"""Screenshots for the README and the docs, made by `make shots` from a real sandbox as it was at one moment."""
