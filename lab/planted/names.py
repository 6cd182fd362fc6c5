"""Every planted bug by its name."""

from contextlib import AbstractContextManager

from lab.planted.durability import BUGS_OF_DISKS, BUGS_OF_PROCESSES
from lab.planted.patches import in_force
from lab.planted.rules import BUGS


def planted(name: str) -> AbstractContextManager[None]:
    """Let this defect be in force. Raises KeyError for one that is not known."""
    return in_force((BUGS | BUGS_OF_PROCESSES | BUGS_OF_DISKS)[name]())
