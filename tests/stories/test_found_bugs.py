"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""
