"""Stays with processes that were started here until somebody stops them."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

_Children = Mapping[str, "subprocess.Popen[bytes]"]


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Inside, SIGTERM interrupts what is being done just as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_for_end(children: _Children, ended: Callable[[str, int], None]) -> None:
    """Wait until SIGINT or SIGTERM asks for the end, or no child is left. `ended` is told of each child that ends by
    itself, with its exit code: minus the signal's number if one killed it."""
    left = dict(children)
    with _signals(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD) as arrived:
        while left:
            for name in [name for name, child in left.items() if child.poll() is not None]:
                ended(name, left.pop(name).returncode)
            if left and not arrived().isdisjoint({signal.SIGINT, signal.SIGTERM}):
                return


@contextlib.contextmanager
def _signals(*numbers: signal.Signals) -> Iterator[Callable[[], set[int]]]:
    """Gives a function that waits for any of these signals. One that comes before it is called is not missed."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in numbers}
    previous = signal.set_wakeup_fd(writing)

    def arrived() -> set[int]:
        select.select([reading], [], [])
        return set(os.read(reading, 512))

    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
