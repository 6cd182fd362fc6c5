"""Real processes, with a proxy on every way between them."""
