"""What ends a measurement without a figure."""


class RunFailed(Exception):
    """Something that was measured is not what it should be, or could not be looked at: the run has no number."""
