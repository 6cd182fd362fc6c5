"""Measures a real network on this computer: `make bench`. What the figures mean stands in README.md beside this."""
