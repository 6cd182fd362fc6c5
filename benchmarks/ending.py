"""How a measurement ends that somebody ends: as by Ctrl-C, with every server stopped and every file of it gone."""

import multiprocessing
import signal
import sys
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise SystemExit with 128 and their number, as a shell reports them. A signal that
    is ignored already (nohup) stays so."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    # A second one would end what stops the servers.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    # Ctrl-C reaches the processes of the load by itself; whoever waits for them would wait for the end of their run.
    for child in multiprocessing.active_children():
        child.terminate()
    sys.exit(128 + number)
