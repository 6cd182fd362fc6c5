"""Gives a home its certificate authority, and every process of it a certificate."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from certs.authority import Pair, create_authority, issue, read_leaf, read_signer, renew
from certs.names import bank_name, gateway_names
from clients.launcher.home import Home, Place
from clients.launcher.network import Network
from interbank.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Provided:
    """`changed` are the processes that got a certificate, their first or a new one; `refused` says why others have
    none that serves, by name. The first of all ends at `until`."""

    changed: frozenset[str]
    refused: dict[str, Refused]
    until: datetime


def provide_certificates(home: Home, network: Network, *, needed: Collection[str] = ()) -> Provided:
    """Make what is missing: the authority, once in a network's life, and certificates; and sign anew what ends within
    a month or lacks a name. Raises Refused if there is no authority, or it cannot be read, or if one of
    the processes `needed` cannot have a certificate; then nothing was made for those that are not."""
    authority = Pair(home.authority_certificate, home.authority_key)
    if not authority.certificate.exists():
        _require_new(home, network, authority)
        create_authority(authority)
    named = [(home.gateway, gateway_names(network.certificate_names))]
    named += [(home.bank(member.bank), (bank_name(member.bank),)) for member in network.banks]
    named.sort(key=lambda one: one[0].name not in needed)
    changed: set[str] = set()
    refused: dict[str, Refused] = {}
    until = read_signer(authority).not_valid_after_utc
    for place, names in named:
        try:
            if _provide(authority, place, names):
                changed.add(place.name)
            until = min(until, read_leaf(_pair(place)).not_valid_after_utc)
        except Refused as why:
            if place.name in needed:
                raise
            refused[place.name] = why
    return Provided(frozenset(changed), refused, until)


def _require_new(home: Home, network: Network, authority: Pair) -> None:
    """A second authority would cut off every client and bank that knows the first one."""
    places = (home.gateway, *(home.bank(member.bank) for member in network.banks))
    if authority.key.exists() or any(place.certificate.exists() for place in places):
        raise Refused(
            Reason.KEY_FILE_MISSING,
            f"{authority.certificate} is missing, and what it signed is there",
            hint="put it back from where you keep it; a new authority would be a new network",
        )


def _provide(authority: Pair, place: Place, names: tuple[str, ...]) -> bool:
    leaf = _pair(place)
    if leaf.certificate.exists():
        return renew(authority, leaf, names=names)
    issue(authority, leaf, names)
    return True


def _pair(place: Place) -> Pair:
    return Pair(place.certificate, place.key)
