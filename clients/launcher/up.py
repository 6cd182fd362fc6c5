"""Brings a network up: decides, prepares, and starts what is not running."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clients.launcher.home import GATEWAY, Home
from clients.launcher.journal import first_password_stands, unfinished
from clients.launcher.liveness import is_alive
from clients.launcher.network import Network, is_loopback
from clients.launcher.network_file import read_network, write_network
from clients.launcher.notices import Notice, journal_is_lost, notices
from clients.launcher.ports import check_free, choose_block
from clients.launcher.preparing import prepare
from clients.launcher.processes import start_all, stop_all
from clients.launcher.services import Service, services_of
from clients.launcher.wishes import Wish, decide
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Launched:
    """What `bring_up` did. `started` holds the names of what it started, `restarted` those of them that ran before with
    other settings; `refused` says why the others did not start; `notices` stopped nothing.
    `under_way` are the transfers that were not final before anything was started."""

    network: Network
    is_new: bool
    certificates_until: datetime
    started: tuple[str, ...]
    restarted: frozenset[str]
    children: dict[str, "subprocess.Popen[bytes]"]
    refused: dict[str, Refused]
    notices: tuple[Notice, ...]
    under_way: tuple[bytes, ...]


def bring_up(home: Home, wish: Wish) -> Launched:
    """Make the network that is wished and start what of it is not running. A process whose settings or certificate
    changed is started anew; a bank that does not start keeps no other down.

    Raises Refused before anything is started, or when the gateway does not start; what was started beside it is stopped
    then, and changed settings are undone.
    """
    with home.alone():
        known = read_network(home.network_file)
        network = decide(known, wish, datetime.now(UTC), choose_block)
        services = services_of(home, network)
        before = services_of(home, known) if known else ()
        alive = {service.name for service in (*services, *before) if is_alive(service.place)}
        _check_ports(services, before, alive)
        _check_password(home, network)

        journal_lost = journal_is_lost(home)
        asleep = [service.place for service in services if service.name not in alive]
        new = [member.bank for member in network.banks if known is None or known.member(member.bank) is None]
        prepared = prepare(home, network, asleep, needed=(GATEWAY, *new))
        changed = prepared.changed | _with_other_arguments(services, before)
        due = [
            service
            for service in services
            if (service.name not in alive or service.name in changed) and service.name not in prepared.refused
        ]
        under_way = unfinished(home.gateway.database) if due else ()
        stop_all(service.place for service in due)
        started = start_all(due)
        if GATEWAY in started.refused:
            # Banks without a gateway serve nobody: who is told that it failed finds what he had before.
            stop_all(service.place for service in due if service.name not in alive)
            _undo(home, known, network, alive)
            raise started.refused[GATEWAY]
    return Launched(
        network=network,
        is_new=known is None,
        certificates_until=prepared.until,
        started=tuple(service.name for service in due if service.name in started.children),
        restarted=frozenset(alive.intersection(started.children)),
        children=started.children,
        refused=prepared.refused | started.refused,
        notices=tuple(notices(home, journal_lost=journal_lost)),
        under_way=under_way,
    )


def _check_ports(services: Sequence[Service], before: Sequence[Service], alive: set[str]) -> None:
    ours = {port: host for service in before if service.name in alive for host, port in service.listens}
    for service in services:
        for host, port in service.listens:
            if port not in ours:
                check_free(host, port)
            elif host != ours[port]:
                check_free(host, 0)  # the port itself is held by the process that moves to this host


def _check_password(home: Home, network: Network) -> None:
    """The gateway refuses this too, but by then the one that ran before has been stopped."""
    if not is_loopback(network.listen) and first_password_stands(home.gateway.database):
        what = "is still the first one"
        how = "change it with the network up: interbank login --username admin, then interbank admin password"
        if journal_is_lost(home):
            what = f"would be the first one again, since {home.gateway.database} is missing"
            how = "put a backup of it back, or serve this computer alone: interbank up --listen localhost"
        raise Refused(
            Reason.DEFAULT_PASSWORD_EXPOSED,
            f"admin's password {what}, so the gateway does not listen on {network.listen}",
            field="listen",
            hint=f"nothing was changed; {how}",
        )


def _with_other_arguments(services: Sequence[Service], before: Sequence[Service]) -> set[str]:
    earlier = {service.name: service.arguments for service in before}
    return {service.name for service in services if earlier.get(service.name) != service.arguments}


def _undo(home: Home, known: Network | None, network: Network, alive: set[str]) -> None:
    """Put the earlier settings back and start again what ran under them."""
    if known is None or known == network:
        return
    write_network(home.network_file, known)
    earlier = services_of(home, known)
    changed = _with_other_arguments(earlier, services_of(home, network))
    due = [one for one in earlier if one.name in alive and (one.name in changed or not is_alive(one.place))]
    stop_all(one.place for one in due)
    start_all(due)
