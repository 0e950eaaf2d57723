"""The drain plan as a picture: what happens to each pod, how full the nodes get, in which waves, and how far it is."""
