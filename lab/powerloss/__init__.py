"""Power loss: whole histories on disks that forget what was not synced, cut off at every sync."""
