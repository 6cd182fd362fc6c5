"""Two versions of this project side by side: what a change is worth, on a computer whose speed is never twice the same."""
