"""A network of its own for the measurements: in a new home, on free ports, with everything on, gone afterwards."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plan import BANKS, CURRENCY
from certs.credentials import read_authority
from clients.launcher.home import Home
from clients.launcher.liveness import read_report
from clients.launcher.network import Network
from clients.launcher.processes import stop_all
from clients.launcher.services import services_of
from clients.launcher.standing import wait_until_joined
from clients.launcher.up import bring_up
from clients.launcher.wishes import Wish


@dataclass(frozen=True, slots=True)
class Running:
    """A network that runs. `pids` by name, the gateway first."""

    home: Home
    network: Network
    authority: bytes
    pids: dict[str, int]

    @property
    def address(self) -> str:
        """Where customers find the gateway."""
        return self.network.customers_address


@contextlib.contextmanager
def running_network(directory: Path) -> Iterator[Running]:
    """Start a network as `interbank up` does, wait until all banks have joined, and stop it in the end.

    Raises Refused if a process does not start or a bank does not join.
    """
    home = Home(directory)
    wish = Wish(banks=BANKS, currency=CURRENCY, port_base=0)
    try:
        launched = bring_up(home, wish)
        for refused in launched.refused.values():
            raise refused
        wait_until_joined(home, launched.network, frozenset(BANKS))
        services = services_of(home, launched.network)
        reports = [(service.name, read_report(service.place)) for service in services]
        pids = {name: report.pid for name, report in reports if report is not None}
        yield Running(home, launched.network, read_authority(home.authority_certificate), pids)
    finally:
        stop_all([home.gateway, *map(home.bank, BANKS)])
