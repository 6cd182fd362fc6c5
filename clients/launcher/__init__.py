"""Starts, shows and stops a network on this computer: one process for the gateway and one for each bank."""
