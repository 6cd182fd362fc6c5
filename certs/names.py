"""The names that certificates carry, and who they make their holder. No input or output.

Identity is a DNS name in the certificate, never an address, a common name, or what a process says of itself.
"""

import ipaddress
import re
from collections.abc import Iterable

from interbank.orders import check_bank_id
from interbank.refusals import Reason, Refused

NETWORK_DOMAIN = "interbank.internal"
"""Under `.internal`, which no public registry will ever give to anybody."""

GATEWAY_NAME = f"gateway.{NETWORK_DOMAIN}"
GATEWAY_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Where customers on the same computer find the gateway; the names of other computers are added with `--name`."""

_BANK_NAME = re.compile(rf"([a-z0-9]{{2,11}})\.bank\.{re.escape(NETWORK_DOMAIN)}")
_HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)


def bank_name(bank_id: str) -> str:
    """The one DNS name of a bank's certificate: `north.bank.interbank.internal` for NORTH.

    Raises Refused(BANK_ID_MALFORMED).
    """
    check_bank_id(bank_id)
    return f"{bank_id.lower()}.bank.{NETWORK_DOMAIN}"


def gateway_names(hosts: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of the gateway's certificate: its own, those of this computer, and the `hosts` that customers on other
    computers call it by. Raises Refused(HOST_MALFORMED)."""
    hosts = tuple(hosts)
    for host in hosts:
        check_host(host)
    return tuple(dict.fromkeys((GATEWAY_NAME, *GATEWAY_HOSTS, *hosts)))


def bank_of(names: Iterable[str]) -> str | None:
    """The bank id that a certificate with these names proves; None if it does not name one bank and nothing else.

    A second name, whatever it is, makes it nobody's: a certificate that could act for two is for neither.
    """
    found = [_BANK_NAME.fullmatch(name) for name in names]
    match = found[0] if len(found) == 1 else None
    return match[1].upper() if match else None


def is_gateway(names: Iterable[str]) -> bool:
    """Whether a certificate with these names is the gateway's. The hosts beside its name do not matter, but no
    other name of this network may be among them."""
    ours = {name for name in names if _is_of_the_network(name)}
    return ours == {GATEWAY_NAME}


def check_host(host: str, field: str = "name") -> None:
    """Refuse what a gateway's certificate must not carry as a host: HOST_MALFORMED for what is neither a host name nor
    an IP address, or is a name of the network itself, which would make the gateway a bank."""
    if _is_of_the_network(host) or not (_is_address(host) or _is_host_name(host)):
        raise Refused(
            Reason.HOST_MALFORMED,
            f'"{host[:80]}" is not a host that customers could call the gateway by',
            field=field,
            hint="a host name or an IP address without a port, for example pay.example.org",
        )


def _is_of_the_network(name: str) -> bool:
    lowered = name.lower().rstrip(".")
    return lowered == NETWORK_DOMAIN or lowered.endswith(f".{NETWORK_DOMAIN}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host  # a zone means something on one computer only


def _is_host_name(host: str) -> bool:
    labels = host.split(".")
    # A last label of digits alone is an IP address with a typing error, never a host name.
    return len(host) <= 253 and not labels[-1].isdecimal() and all(_HOST_LABEL.fullmatch(label) for label in labels)
