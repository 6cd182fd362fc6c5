"""What must be there before a process of a network starts: certificates, databases, and the file that remembers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clients.launcher.certificates import provide_certificates
from clients.launcher.databases import upgrade_databases
from clients.launcher.home import Home, Place
from clients.launcher.network import Network
from clients.launcher.network_file import write_network
from interbank.refusals import Refused


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` did: whose certificate is new, until when all of them serve, and who cannot start, and why."""

    changed: frozenset[str]
    until: datetime
    refused: dict[str, Refused]


def prepare(home: Home, network: Network, places: Sequence[Place]) -> Prepared:
    """Make the files that the network needs, with databases at these places, where nothing may run; remember it.
    Raises Refused without an authority."""
    home.create(tuple(member.bank for member in network.banks))
    provided = provide_certificates(home, network)
    refused = upgrade_databases(places)
    write_network(home.network_file, network)
    return Prepared(provided.changed, provided.until, provided.refused | refused)
