"""Crash points: real processes that kill themselves before and after every commit and every message of a payment."""
