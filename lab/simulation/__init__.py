"""The real gateway and the real banks in virtual time, over a network and disks that fail as a seed decides."""
