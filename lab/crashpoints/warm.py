"""What servers are forked from: a process that has imported them, and has compiled their statements by living through a
history of the simulation. It holds no file, no connection and no thread."""

import lab.crashpoints.servers
from lab.simulation.history import run

__all__ = ["lab"]

run(1)
