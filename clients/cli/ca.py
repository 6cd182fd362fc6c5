"""The certificate authority of a home: made, asked for certificates, looked at. `up` does all of it by itself."""

from datetime import UTC, datetime
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Pair, create_authority, is_due, issue, read_leaf, read_signer, renew
from certs.checks import is_issued_by, names_of
from certs.names import bank_name, check_host, gateway_names
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.launcher.home import GATEWAY, Home, Place
from interbank.orders import BANK_ID, check_bank_id
from interbank.refusals import Reason, Refused

AUTHORITY = "authority"
_COLUMNS = ("name", "state", "ends_at", "days_left", "key", "names")
_ONE_COLUMNS = (*_COLUMNS, "certificate", "fingerprint")
_RENEWED_COLUMNS = ("name", "renewed", "state", "ends_at", "days_left")

_hosts = click.option(
    "--name",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="A host that customers on other computers call the gateway by; as often as needed.",
)


@click.group()
def ca() -> None:
    """The certificate authority: who is who in the network. `interbank up` does all of this by itself.

    \b
      interbank ca show
      interbank ca renew --name pay.example.org
    """


@ca.command()
@common
def init(context: Context) -> None:
    """Make the authority: a key and a certificate for ten years. It is never overwritten.

    \b
      interbank ca init --home ~/six
    """
    authority = _authority(Home(context.home_directory))
    create_authority(authority)
    print_one(context, _row(AUTHORITY, authority, read_signer(authority)), _ONE_COLUMNS)
    say(f"{authority.key}: whoever has it can be any bank of the network")


@ca.command("issue")
@common
@click.argument("who", metavar="gateway|BANK")
@_hosts
def issue_one(context: Context, who: str, hosts: tuple[str, ...]) -> None:
    """Make a key and a certificate for the gateway or a bank.

    \b
      interbank ca issue gateway --name pay.example.org
      interbank ca issue NORTH
    """
    home = Home(context.home_directory)
    place = _place(home, who)
    if who != GATEWAY and hosts:
        raise click.UsageError(f"--name is for the gateway; {who} has one name, {bank_name(who)}")
    leaf = _pair(place)
    issue(_authority(home), leaf, gateway_names(hosts) if who == GATEWAY else [bank_name(who)])
    print_one(context, _row(who, leaf, read_leaf(leaf), read_signer(_authority(home))), _ONE_COLUMNS)


@ca.command("renew", short_help="Make new certificates where one ends within a month.")
@common
@click.argument("who", nargs=-1, metavar="[gateway|BANK]...")
@_hosts
def renew_all(context: Context, who: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Make new certificates where one ends within a month, or another authority signed it; by default for all.

    Keys and names stay; --name adds a host to the gateway's.

    \b
      interbank ca renew
      interbank ca renew gateway --name pay.example.org
    """
    home = Home(context.home_directory)
    for host in hosts:
        check_host(host)
    places = [_place(home, name) for name in who] or _issued(home)
    if hosts and all(place.name != GATEWAY for place in places):
        raise click.UsageError("--name is for the gateway, which is not among those to renew")
    rows = []
    for place in places:
        leaf = _pair(place)
        renewed = renew(_authority(home), leaf, names=hosts if place.name == GATEWAY else ())
        row = _row(place.name, leaf, read_leaf(leaf), read_signer(_authority(home)))
        rows.append({**row, "renewed": renewed})
    print_list(context, rows, _RENEWED_COLUMNS)
    if any(row["renewed"] for row in rows):
        say("a running process shows its old certificate until it is started again: interbank down, interbank up")


@ca.command(short_help="List the certificates: whose, and for how long.")
@common
def show(context: Context) -> None:
    """List the certificates: whose, for how long, and whether this authority signed them.

    \b
      interbank ca show
    """
    home = Home(context.home_directory)
    authority = _authority(home)
    signer = read_signer(authority)
    rows = [_row(AUTHORITY, authority, signer)]
    for place in _issued(home):
        leaf = _pair(place)
        rows.append(_row(place.name, leaf, read_leaf(leaf), signer))
    print_list(context, rows, _COLUMNS)


def _authority(home: Home) -> Pair:
    return Pair(home.authority_certificate, home.authority_key)


def _pair(place: Place) -> Pair:
    return Pair(place.certificate, place.key)


def _place(home: Home, who: str) -> Place:
    if who == GATEWAY:
        return home.gateway
    check_bank_id(who, "")
    return home.bank(who)


def _issued(home: Home) -> list[Place]:
    """Those who have a certificate, the gateway first."""
    banks = sorted(path.name for path in home.directory.glob("banks/*") if BANK_ID.fullmatch(path.name))
    places = [home.gateway, *map(home.bank, banks)]
    issued = [place for place in places if place.certificate.exists()]
    if not issued and not home.authority_certificate.exists():
        raise Refused(
            Reason.HOME_EMPTY, f"{home.directory} has no certificates", hint="make a network there: interbank up"
        )
    return issued


def _row(
    name: str, pair: Pair, certificate: x509.Certificate, signer: x509.Certificate | None = None
) -> dict[str, Any]:
    now = datetime.now(UTC)
    ends_at = certificate.not_valid_after_utc
    return {
        "name": name,
        "state": _state(certificate, signer, now),
        "begins_at": _utc(certificate.not_valid_before_utc),
        "ends_at": _utc(ends_at),
        "days_left": (ends_at - now).days,
        "key": _kind_of_key(certificate),
        "names": list(names_of(certificate)),
        "certificate": str(pair.certificate),
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def _state(certificate: x509.Certificate, signer: x509.Certificate | None, now: datetime) -> str:
    if signer is not None and not is_issued_by(certificate, signer):
        return "foreign"
    if now > certificate.not_valid_after_utc:
        return "ended"
    if now < certificate.not_valid_before_utc:
        return "not yet"
    return "renew" if is_due(certificate, now) else "valid"


def _kind_of_key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "P-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
    return f"RSA {key.key_size}" if hasattr(key, "key_size") else type(key).__name__


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
