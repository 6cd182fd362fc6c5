"""A network of its own for the measurements: in a new home, on free ports, with everything on, gone afterwards."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import RunFailed
from benchmarks.limits import raise_open_files
from benchmarks.plan import BANKS, CURRENCY
from certs.credentials import read_authority
from clients.launcher.home import Home
from clients.launcher.liveness import is_alive, read_report
from clients.launcher.network import Network
from clients.launcher.processes import stop_all
from clients.launcher.services import services_of
from clients.launcher.standing import wait_until_joined
from clients.launcher.up import bring_up
from clients.launcher.wishes import Wish


@dataclass(frozen=True, slots=True)
class Running:
    """A network that runs, and can be stopped, killed and started again on the same files."""

    home: Home
    network: Network
    authority: bytes

    @property
    def banks(self) -> tuple[str, ...]:
        """The banks' ids."""
        return tuple(member.bank for member in self.network.banks)

    @property
    def address(self) -> str:
        """Where customers find the gateway."""
        return self.network.customers_address

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name, the gateway first. Raises RunFailed unless all of them run."""
        places = {service.name: service.place for service in services_of(self.home, self.network)}
        reports = {name: read_report(place) for name, place in places.items() if is_alive(place)}
        found = {name: report.pid for name, report in reports.items() if report is not None}
        if missing := places.keys() - found.keys():
            raise RunFailed(f"not running: {', '.join(sorted(missing))}")
        return found

    @property
    def bank_files(self) -> dict[str, Path]:
        """The banks' databases."""
        return {member.bank: self.home.bank(member.bank).database for member in self.network.banks}

    def stop(self) -> None:
        """Stop all processes."""
        stop_all([self.home.gateway, *map(self.home.bank, self.banks)])

    def kill(self, name: str) -> None:
        """End a process as a crash does, with SIGKILL, and return when it is gone."""
        stop_all([next(one.place for one in services_of(self.home, self.network) if one.name == name)], now=True)

    def start(self) -> None:
        """Start what does not run, and return when all banks have joined. Raises Refused."""
        _start(self.home, self.banks)


@contextlib.contextmanager
def running_network(directory: Path, banks: tuple[str, ...] = BANKS) -> Iterator[Running]:
    """Start a network of these banks as `interbank up` does, wait until all have joined, and stop it in the end.

    Raises Refused if a process does not start or a bank does not join.
    """
    home = Home(directory)
    raise_open_files()  # the gateway inherits it, which has a file for each client's connection
    try:
        network = _start(home, banks)
        yield Running(home, network, read_authority(home.authority_certificate))
    finally:
        stop_all([home.gateway, *map(home.bank, banks)])


def _start(home: Home, banks: tuple[str, ...]) -> Network:
    launched = bring_up(home, Wish(banks=banks, currency=CURRENCY, port_base=0))
    for refused in launched.refused.values():
        raise refused
    wait_until_joined(home, launched.network, frozenset(banks))
    return launched.network
