"""What a network on one computer is: its banks, and where all of it listens. No input or output."""

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from certs.names import check_host
from interbank.currencies import decimals
from interbank.orders import check_bank_id
from interbank.refusals import Reason, Refused

LOOPBACK = "localhost"
_LOOPBACK_TOO = (LOOPBACK, "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104
"""Addresses that serve those who ask for localhost."""

SESSION_DAYS = 30
"""How long a session may be unused before it ends, where the operator decided nothing else."""

MOST_SESSION_DAYS = 365
"""No session lasts longer, however much it is used."""

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Member:
    """A bank of the network: its id, its accounts' currency, and the port it listens on."""

    bank: str
    currency: str
    port: int


@dataclass(frozen=True, slots=True)
class Network:
    """A network on one computer. `port_base` is the gateway's port for banks, the next one its port for customers.

    `listen` is the address on which customers are served; banks are always served on this computer alone. `names` are
    the hosts that the gateway's certificate names besides this computer. A session that is unused for `session_days`
    ends. `created` is UTC in ISO 8601.
    """

    created: str
    currency: str
    port_base: int
    listen: str = LOOPBACK
    names: tuple[str, ...] = ()
    counter: bool = False
    session_days: int = SESSION_DAYS
    banks: tuple[Member, ...] = ()

    @property
    def banks_address(self) -> str:
        """Where banks find the gateway."""
        return join_address(LOOPBACK, self.port_base)

    @property
    def customers_listen(self) -> str:
        """Where the gateway listens for customers."""
        return join_address(self.listen, self.port_base + 1)

    @property
    def customers_address(self) -> str:
        """Where a client on this computer finds the gateway."""
        return join_address(self._reached_at, self.port_base + 1)

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """What the gateway's certificate must name besides this computer."""
        known = self._reached_at == LOOPBACK or self._reached_at in self.names
        return self.names if known else (*self.names, self._reached_at)

    @property
    def _reached_at(self) -> str:
        return LOOPBACK if self.listen in _LOOPBACK_TOO else self.listen

    def member(self, bank: str) -> Member | None:
        """A bank of the network by its id."""
        return next((member for member in self.banks if member.bank == bank), None)

    def with_bank(self, bank: str, currency: str, port: int | None = None) -> "Network":
        """The network and one bank more, on the first port above all that are given out unless one is named.

        Raises Refused(BANK_ID_MALFORMED, CURRENCY_UNKNOWN, PORT_TAKEN).
        """
        check_bank_id(bank)
        decimals(currency)
        free = max([self.port_base + 1, *(member.port for member in self.banks)]) + 1
        added = Member(bank, currency, free if port is None else port)
        return replace(self, banks=(*self.banks, added)).checked()

    def moved_to(self, port_base: int) -> "Network":
        """The same network on other ports, without gaps."""
        members = tuple(replace(member, port=port_base + 2 + index) for index, member in enumerate(self.banks))
        return replace(self, port_base=port_base, banks=members).checked()

    def with_port(self, bank: str, port: int) -> "Network":
        """The same network with one of its banks on this port. A bank that had it gets the first one above all."""
        highest = max(self.port_base + 1, port, *(member.port for member in self.banks))
        moved = {member.bank: highest + 1 for member in self.banks if member.port == port} | {bank: port}
        members = tuple(replace(member, port=moved.get(member.bank, member.port)) for member in self.banks)
        return replace(self, banks=members).checked()

    def checked(self) -> "Network":
        """The network itself, if it can exist. Raises Refused(HOST_MALFORMED, PORT_MALFORMED, PORT_TAKEN,
        BANK_ID_MALFORMED)."""
        check_host(self.listen, "listen")
        for host in self.names:
            check_host(host)
        banks = [member.bank for member in self.banks]
        for bank in banks:
            if banks.count(bank) > 1:
                raise Refused(Reason.BANK_ID_MALFORMED, f'"{bank}" is named twice', field="banks")
        ports = [self.port_base, self.port_base + 1, *(member.port for member in self.banks)]
        for port in ports:
            if not 1 <= port <= _LAST_PORT:
                raise Refused(Reason.PORT_MALFORMED, f"{port} is not a port, 1 to {_LAST_PORT}", field="port_base")
            if ports.count(port) > 1:
                raise Refused(Reason.PORT_TAKEN, f"port {port} is given out twice in this network", field="port_base")
        return self


def new_network(created: datetime, currency: str, port_base: int) -> Network:
    """A network without banks. Raises Refused(CURRENCY_UNKNOWN or PORT_MALFORMED)."""
    decimals(currency)
    return Network(created.astimezone(UTC).isoformat(timespec="seconds"), currency, port_base).checked()


def join_address(host: str, port: int) -> str:
    """Written `host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK
