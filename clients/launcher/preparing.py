"""What must be there before a process of a network starts: certificates, databases, and the file that remembers it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from clients.launcher.certificates import provide_certificates
from clients.launcher.databases import upgrade_databases
from clients.launcher.home import Home, Place
from clients.launcher.network import Network
from clients.launcher.network_file import read_network, write_network
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` did: whose certificate is new, until when all of them serve, and who cannot start, and why."""

    changed: frozenset[str]
    until: datetime
    refused: dict[str, Refused]


def prepare(home: Home, network: Network, places: Sequence[Place], *, needed: Collection[str] = ()) -> Prepared:
    """Make the files that the network needs, with databases at these places, where nothing may run; remember it. A bank
    that had a database and has none any more gets no empty one. Raises Refused without an authority, and if one of
    the processes `needed` could not start; then the network is not remembered."""
    lost = {place.name: _lost(place) for place in places if _has_lost_its_books(home, place)}
    provided = provide_certificates(home, network, needed=needed)
    home.create(tuple(member.bank for member in network.banks))
    refused = upgrade_databases([place for place in places if place.name not in lost]) | lost
    for name in needed:
        if name in refused:
            raise refused[name]
    write_network(home.network_file, network)
    return Prepared(provided.changed, provided.until, provided.refused | refused)


def _has_lost_its_books(home: Home, place: Place) -> bool:
    """Whether a bank that the home remembers, and that has run, has no database. A gateway without one begins a new
    journal, and the banks tell it what is open."""
    known = read_network(home.network_file)
    banks = {member.bank for member in known.banks} if known else set()
    return place.name in banks and place.lock.exists() and not place.database.exists()


def _lost(place: Place) -> Refused:
    return Refused(
        Reason.DATABASE_DAMAGED,
        f"{place.database} is missing, and nothing was put in its place",
        hint="put the file back, or a backup of it: docs/operate.md",
    )
