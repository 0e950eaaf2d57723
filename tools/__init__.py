"""Tools of the house: what is generated from the code, and the checks that it is up to date. Not shipped."""
