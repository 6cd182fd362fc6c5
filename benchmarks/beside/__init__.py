"""Two checkouts of this project side by side: what a change is worth, whatever the computer's mood."""
