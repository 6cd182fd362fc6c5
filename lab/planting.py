"""Every planted bug by its name."""

from contextlib import AbstractContextManager

from lab.patches import in_force
from lab.planted import BUGS
from lab.planted_durability import BUGS_OF_DISKS, BUGS_OF_PROCESSES


def planted(name: str) -> AbstractContextManager[None]:
    """Let this defect be in force. Raises KeyError for one that is not known."""
    return in_force((BUGS | BUGS_OF_PROCESSES | BUGS_OF_DISKS)[name]())
