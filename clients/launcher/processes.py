"""Starts processes that outlive their starter, and stops them by their word."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clients.launcher.home import GATEWAY, Place
from clients.launcher.last_words import read_last_words, refusal_from
from clients.launcher.liveness import is_alive, read_report
from clients.launcher.services import Service
from interbank.clock import SystemClock
from interbank.instruction_log import InstructionLog
from interbank.refusals import Reason, Refused

READY_WITHIN_SECONDS = 60
"""How long one process may take to become ready."""

STOPPED_WITHIN_SECONDS = 15
"""How long a process may take to stop by itself; a server gives its running calls 5 seconds."""

_LOOK_EVERY_SECONDS = 0.02
_OWNER_ONLY = 0o077


@dataclass(frozen=True, slots=True)
class Started:
    """What came of starting many: the children that are ready, and why the others are not; by name."""

    children: dict[str, "subprocess.Popen[bytes]"]
    refused: dict[str, Refused]


def start_all(services: Sequence[Service]) -> Started:
    """Start processes, as many at a time as there are cores, and return when each is ready or has failed. One that
    fails does not keep the others down; an interruption stops them all again."""
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as starters:
            ends = dict(zip([service.name for service in services], starters.map(_try_start, services), strict=True))
    except KeyboardInterrupt:
        stop_all(service.place for service in services)
        raise
    return Started(
        children={name: end for name, end in ends.items() if not isinstance(end, Refused)},
        refused={name: end for name, end in ends.items() if isinstance(end, Refused)},
    )


def start(service: Service) -> "subprocess.Popen[bytes]":
    """Start one process in a session of its own, so that Ctrl-C in this terminal does not reach it, and wait until it
    is ready.

    Raises Refused with the reason that the process gave for not starting, PROCESS_FAILED with its last words if it gave
    none, or NOT_READY_IN_TIME.
    """
    service.place.log.touch(mode=0o600)
    with service.place.log.open("a", encoding="utf-8") as log:
        # What has no time of its own, such as the words of a library, is read as a part of this line.
        InstructionLog(service.name, SystemClock(), log).write([f"starts: {service.module}"])
        begun_at = log.tell()
        child = subprocess.Popen(  # noqa: S603 (the command is put together by us)
            service.command,
            cwd=service.place.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=_OWNER_ONLY,
        )
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not _is_ready(service.place, child.pid):
        if _ended_within(child, _LOOK_EVERY_SECONDS):
            raise refusal_from(read_last_words(service.place.log, begun_at), service.name, child.returncode)
        if time.monotonic() > deadline:
            child.kill()
            child.wait()
            raise _late(service, read_last_words(service.place.log, begun_at))
    return child


def stop_all(places: Iterable[Place], *, now: bool = False) -> list[str]:
    """Stop what is alive, the gateway before its banks, and return the names. A process that does not stop by itself in
    time is killed, which costs no money: what it had not answered is asked again.

    `now` kills at once.
    """
    alive = [place for place in places if is_alive(place)]
    gateway = [place for place in alive if place.name == GATEWAY]
    for together in (gateway, [place for place in alive if place not in gateway]):
        if not now:
            _send(together, signal.SIGTERM)
        _send(together, signal.SIGKILL)
    left = [place.name for place in alive if is_alive(place)]
    if left:
        raise Refused(Reason.NOT_READY_IN_TIME, f"{', '.join(left)} did not stop", hint="see the log: interbank logs")
    return [place.name for place in alive]


def _try_start(service: Service) -> "subprocess.Popen[bytes] | Refused":
    try:
        return start(service)
    except Refused as refused:
        return refused


def _is_ready(place: Place, pid: int) -> bool:
    # The line alone is looked at and not the lock: whoever tries a lock holds it for a moment, and the process that is
    # starting would find it taken.
    report = read_report(place)
    return report is not None and report.pid == pid


def _ended_within(child: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _late(service: Service, words: str) -> Refused:
    message = f"{service.name} was not ready after {READY_WITHIN_SECONDS} s and was killed"
    return Refused(Reason.NOT_READY_IN_TIME, message, hint=f"it said last:\n{words}" if words else "it said nothing")


def _send(places: Iterable[Place], number: signal.Signals) -> None:
    """Send each process the signal once and wait until all are gone, or the time is over. One that is still starting
    is waited for: it says its id when it is ready."""
    left = list(places)
    told: set[int] = set()
    deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
    moment = threading.Event()
    while left and time.monotonic() < deadline:
        for place in left:
            report = read_report(place)
            if report is not None and report.pid not in told and is_alive(place):
                told.add(report.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(report.pid, number)
        moment.wait(_LOOK_EVERY_SECONDS)
        left = [place for place in left if is_alive(place)]
