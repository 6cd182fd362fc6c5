"""One process of a network at a time, in the foreground: for make, systemd, and whoever wants to watch one alone.

They may be started in any order: a bank waits for its gateway. All of them share one home, so `interbank up` starts
later what is missing.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from clients.cli.output import say
from clients.launcher.home import Home, Place
from clients.launcher.liveness import is_alive
from clients.launcher.network import Network, new_network
from clients.launcher.network_file import read_network
from clients.launcher.ports import check_free
from clients.launcher.preparing import prepare
from clients.launcher.services import Service, bank_service, gateway_service, services_of
from clients.launcher.wishes import DEFAULT_CURRENCY, DEFAULT_PORT_BASE, Wish, decide
from interbank.refusals import Reason, Refused

_OWNER_ONLY = 0o077


def become_gateway(home: Home, customers_port: int | None) -> NoReturn:
    """Go on as the gateway of the home's network, a new one if there is none. Banks find it at the port below that of
    the customers. Raises Refused."""
    with home.alone():
        network = _network_of(home)
        if customers_port is not None and customers_port != network.port_base + 1:
            _refuse_waiting_banks(home, network)
            network = replace(network, port_base=customers_port - 1).checked()
        service = gateway_service(home, network)
        _prepare(home, network, service)
    _become(service, f"gateway  customers at {service.address}, banks at {network.banks_address}")


def become_bank(home: Home, bank: str, currency: str | None, port: int | None) -> NoReturn:
    """Go on as a bank of the home's network; one that is not there is made. Raises Refused."""
    with home.alone():
        # Who names a bank here names it on purpose, as with --add-bank.
        known = _network_of(home)
        named = f"{bank}:{currency}" if currency else bank
        wish = Wish(added=(named,)) if known.banks else Wish(banks=(named,))
        network = decide(known, wish, datetime.now(UTC), lambda _length: known.port_base)
        network = network if port is None else network.with_port(bank, port)
        member = next(member for member in network.banks if member.bank == bank)
        service = bank_service(home, network, member)
        _prepare(home, network, service)
    _become(service, f"{bank}  {member.currency}, at {service.address}; joins the gateway at {network.banks_address}")


def prepare_all(home: Home, *, databases: bool) -> Network:
    """Make the certificates, and the databases if they are wanted, of the whole network, a new one if there is none.
    Raises Refused."""
    with home.alone():
        network = decide(read_network(home.network_file), Wish(), datetime.now(UTC), lambda _length: DEFAULT_PORT_BASE)
        places = [service.place for service in services_of(home, network)] if databases else []
        prepared = prepare(home, network, [place for place in places if not is_alive(place)])
    for refused in prepared.refused.values():
        raise refused
    return network


def prepare_client(home: Home) -> Network:
    """Make what a client on this computer needs before there is a gateway: the authority and the address. Raises
    Refused."""
    with home.alone():
        network = _network_of(home)
        prepare(home, network, [])
    return network


def _network_of(home: Home) -> Network:
    return read_network(home.network_file) or new_network(datetime.now(UTC), DEFAULT_CURRENCY, DEFAULT_PORT_BASE)


def _prepare(home: Home, network: Network, service: Service) -> None:
    _refuse_running(service.place)
    for host, port in service.listens:
        check_free(host, port)
    prepare(home, network, [service.place], needed=(service.name,))


def _refuse_running(place: Place) -> None:
    if is_alive(place):
        raise Refused(Reason.ALREADY_RUNNING, f"{place.name} runs already", hint="see interbank ps")


def _refuse_waiting_banks(home: Home, network: Network) -> None:
    waiting = [member.bank for member in network.banks if is_alive(home.bank(member.bank))]
    if waiting:
        raise Refused(
            Reason.ALREADY_RUNNING,
            f"{', '.join(waiting)} looks for the gateway at {network.banks_address}",
            hint=f"start the gateway with port {network.port_base + 1}, or stop the banks first",
        )


def _become(service: Service, told: str) -> NoReturn:
    say(f"{told}. Ctrl-C stops it.")
    os.umask(_OWNER_ONLY)
    os.execv(service.command[0], service.command)  # noqa: S606 (the command is put together by us)
