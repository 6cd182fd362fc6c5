"""Real standing orders of a real bank, paid between fourteen banks."""
