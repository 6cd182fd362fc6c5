"""How the processes of a network are called: for each the module, its arguments and the ports it listens on."""

import sys
from dataclasses import dataclass

from clients.launcher.home import Home, Place
from clients.launcher.network import LOOPBACK, Member, Network, join_address


@dataclass(frozen=True, slots=True)
class Service:
    """One process of a network, running or not. `listens` are the hosts and ports that must be free before it starts;
    `address` is where others find it. With other `arguments` it is started anew; those `at_next_start` can wait until
    it is started anyway."""

    place: Place
    module: str
    arguments: tuple[str, ...]
    listens: tuple[tuple[str, int], ...]
    address: str
    at_next_start: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`gateway` or a bank id."""
        return self.place.name

    @property
    def command(self) -> tuple[str, ...]:
        """What to execute. -P keeps a folder called `certs` or `migrations`, wherever `up` was typed, out of the way of
        our own."""
        return (sys.executable, "-P", "-m", self.module, *self.arguments, *self.at_next_start)


def services_of(home: Home, network: Network) -> tuple[Service, ...]:
    """All processes of a network, the gateway first."""
    return (gateway_service(home, network), *(bank_service(home, network, member) for member in network.banks))


def gateway_service(home: Home, network: Network) -> Service:
    """The gateway's process."""
    return Service(
        place=home.gateway,
        module="gateway_service",
        arguments=(
            *_files(home, home.gateway),
            *("--listen-customers", network.customers_listen),
            *("--listen-banks", network.banks_address),
            *("--idle-limit-days", str(network.session_days)),
        ),
        at_next_start=("--members", ",".join(member.bank for member in network.banks)),
        listens=((LOOPBACK, network.port_base), (network.listen, network.port_base + 1)),
        address=network.customers_address,
    )


def bank_service(home: Home, network: Network, member: Member) -> Service:
    """A bank's process. It admits the operator's acts from the gateway: whoever runs this home is the operator."""
    address = join_address(LOOPBACK, member.port)
    return Service(
        place=home.bank(member.bank),
        module="bank_service",
        arguments=(
            *("--bank", member.bank, "--currency", member.currency),
            *_files(home, home.bank(member.bank)),
            *("--listen", address, "--gateway", network.banks_address),
            *(("--counter",) if network.counter else ()),
            "--admit-operator",
        ),
        listens=((LOOPBACK, member.port),),
        address=address,
    )


def _files(home: Home, place: Place) -> tuple[str, ...]:
    return (
        *("--database", str(place.database)),
        *("--certificate", str(place.certificate)),
        *("--key", str(place.key)),
        *("--authority", str(home.authority_certificate)),
    )
