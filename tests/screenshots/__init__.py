"""The pictures in `screenshots/`, and what makes them."""
