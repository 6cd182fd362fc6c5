"""Which TCP ports are free, and who holds one that is not."""

import contextlib
import errno
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interbank.refusals import Reason, Refused

# Below the range from which Linux (32768) and macOS (49152) take ports for outgoing connections: a port that was
# chosen once must still be free when the network starts again.
_CHOSEN_FROM = range(20_000, 32_000)
_LISTENING = "0A"
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port. `home` is the home of its network if it is one of ours."""

    pid: int
    program: str
    home: Path | None

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.program}" + (f", home {self.home})" if self.home else ")")


def check_free(host: str, port: int) -> None:
    """Refuse what a server could not listen on: PORT_TAKEN with the name of the process that holds it, if it can be
    found, or HOST_MALFORMED for a host that is not this computer."""
    fault = _fault(host, port)
    if fault is None:
        return
    if fault == errno.EADDRNOTAVAIL:
        raise Refused(Reason.HOST_MALFORMED, f'"{host}" is no address of this computer', field="listen")
    if fault == errno.EACCES:
        message = f"port {port} needs rights that this user does not have"
        raise Refused(Reason.PORT_TAKEN, message, hint="choose ports from 1024 on")
    holder = find_holder(port)
    stop = f", or: interbank down --home {holder.home}" if holder and holder.home else ""
    raise Refused(
        Reason.PORT_TAKEN,
        f"port {port} is taken" + (f" by {holder}" if holder else " by another process"),
        hint=f"nothing was started. Choose other ports with --port-base (0 finds free ones){stop}",
    )


def choose_block(length: int) -> int:
    """The first of `length` free ports in a row, all of them likely to be free again tomorrow."""
    first_ports = list(_CHOSEN_FROM)
    random.shuffle(first_ports)
    for first in first_ports:
        if all(_fault("localhost", port) is None for port in range(first, first + length)):
            return first
    raise Refused(Reason.PORT_TAKEN, f"no {length} free ports in a row from {_CHOSEN_FROM.start} on")


def find_holder(port: int) -> Holder | None:
    """Who listens on the port, as far as /proc tells it: None on other systems, and for other users' processes."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if not sockets.isdisjoint(_open_files(process)):
            return _describe(process)
    return None


def _fault(host: str, port: int) -> int | None:
    """The system's error number for listening there, at any address of the host; None if all would do."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    faults = [_bind_fault(family, address) for family, _, _, _, address in found]
    # A host with several addresses is served at those that exist: localhost has an IPv6 one even where IPv6 is off.
    if len(faults) > 1 and any(fault is None for fault in faults):
        faults = [fault for fault in faults if fault not in _NO_IPV6]
    return next((fault for fault in faults if fault is not None), None)


def _bind_fault(family: int, address: tuple[Any, ...]) -> int | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: a port whose last connections still linger is free to listen on.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _open_files(process: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _describe(process: Path) -> Holder:
    words: list[str] = []
    with contextlib.suppress(OSError):
        words = (process / "cmdline").read_text(errors="replace").split("\0")
    program = Path(words[0]).name if words and words[0] else "unknown"
    return Holder(int(process.name), program, _home_of(words))


def _home_of(words: list[str]) -> Path | None:
    """HOME of a process that was started with `--database HOME/gateway/gateway.db` or `HOME/banks/NORTH/bank.db`."""
    if "--database" not in words[:-1]:
        return None
    database = Path(words[words.index("--database") + 1])
    levels = {"gateway.db": 1, "bank.db": 2}.get(database.name)
    return database.parents[levels] if levels is not None and len(database.parents) > levels else None
