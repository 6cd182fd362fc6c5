"""How every process of a network stands: what its lock says, and what the gateway says of its banks."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.credentials import read_authority
from clients.launcher.home import GATEWAY, Home
from clients.launcher.liveness import is_alive, read_report
from clients.launcher.network import Network
from clients.launcher.services import Service, services_of
from clients.sdk import Client
from clients.sdk.records import Bank
from interbank.refusals import Refused

JOINED_WITHIN_SECONDS = 30
"""How long banks that are ready may take to be joined with their gateway."""

_ASK_EVERY_SECONDS = 0.05
_LINK_STATES = {"CONNECTED": "serving", "QUARANTINED": "quarantined"}


@dataclass(frozen=True, slots=True)
class Standing:
    """One process. `state`: "serving"; "starting"; "silent", a gateway that does not answer; "unconnected", a bank that
    the gateway does not reach; "quarantined", a bank with an older copy of its books; "down".

    `last_entry`, `waiting` (transfers that need an answer of this bank) and `in_doubt` (those of them whose answer is
    overdue) are as the gateway last heard.
    """

    name: str
    state: str
    since: datetime | None
    pid: int | None
    address: str
    database: Path
    last_entry: int | None = None
    waiting: int | None = None
    in_doubt: int | None = None
    cause: str = ""


def ask_banks(home: Home, network: Network) -> dict[str, Bank]:
    """The banks as the gateway sees them, by id. Raises Refused if it does not answer."""
    with Client(network.customers_address, read_authority(home.authority_certificate)) as client:
        return {bank.bank: bank for bank in client.accounts.banks()}


def stand(home: Home, network: Network) -> list[Standing]:
    """How all processes of the network stand now, the gateway first."""
    seen: Mapping[str, Bank] | None = None
    cause = ""
    if is_alive(home.gateway):
        try:
            seen = ask_banks(home, network)
        except Refused as refused:
            cause = refused.message
    return [_standing(service, seen, cause) for service in services_of(home, network)]


def wait_until_joined(home: Home, network: Network, expected: frozenset[str]) -> dict[str, Bank]:
    """Wait until payments flow to all of these banks, or one is quarantined, or the time is over; returns how the
    gateway sees all its banks then. Raises Refused if the gateway does not answer."""
    deadline = time.monotonic() + JOINED_WITHIN_SECONDS
    moment = threading.Event()
    with Client(network.customers_address, read_authority(home.authority_certificate)) as client:
        while True:
            late = time.monotonic() > deadline
            try:
                seen = {bank.bank: bank for bank in client.accounts.banks()}
            except Refused as refused:
                if late or not refused.reason.try_again:
                    raise
            else:
                if late or expected <= {name for name, bank in seen.items() if bank.link in _LINK_STATES}:
                    return seen
            moment.wait(_ASK_EVERY_SECONDS)


def _standing(service: Service, seen: Mapping[str, Bank] | None, gateway_cause: str) -> Standing:
    place = service.place
    alive = is_alive(place)
    report = read_report(place) if alive else None
    bank = (seen or {}).get(service.name)
    if not alive:
        state = "down"
    elif report is None:
        state = "starting"
    elif service.name == GATEWAY:
        state = "silent" if seen is None else "serving"
    else:
        state = _LINK_STATES.get(bank.link, "unconnected") if bank else "unconnected"
    return Standing(
        name=service.name,
        state=state,
        since=bank.since if bank else report.ready_at if report else None,
        pid=report.pid if report else None,
        address=service.address,
        database=place.database,
        last_entry=bank.last_entry_id if bank else None,
        waiting=bank.waiting if bank else None,
        in_doubt=bank.in_doubt if bank else None,
        cause=gateway_cause if service.name == GATEWAY else bank.cause if bank else "",
    )
