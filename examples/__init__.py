"""Networks to try out and to learn from."""
