"""What the product logs in a simulation belongs to its timeline."""

import contextlib
import logging
from collections.abc import Callable, Iterator


class _Said(logging.Handler):
    def __init__(self, said: Callable[[str, BaseException | None], None]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said(record.getMessage(), record.exc_info[1] if record.exc_info else None)


@contextlib.contextmanager
def log_to(said: Callable[[str, BaseException | None], None]) -> Iterator[None]:
    """Tell what is logged, and the exception that goes with it, to nobody else, until the block ends."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.setLevel(logging.INFO)
    root.handlers = [_Said(said)]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers = handlers
