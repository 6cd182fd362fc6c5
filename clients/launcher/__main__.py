"""python -m clients.launcher: single processes in the foreground, and files without processes. For make and systemd;
people use `interbank up`."""

import os
import sys
import threading

import click

from clients.cli import errors
from clients.cli.options import Context, common
from clients.cli.output import Ended, say
from clients.launcher import single
from clients.launcher.home import Home
from clients.launcher.network import Network
from clients.launcher.network_file import read_network
from clients.launcher.standing import ask_banks
from interbank.refusals import Refused

_PORT = click.IntRange(1, 65535)
_ASK_EVERY_SECONDS = 0.5


@click.group()
def launcher() -> None:
    """Run one process of a network, or make its files."""


@launcher.command()
@click.option("--port", type=_PORT, help="For customers, by default 50051; banks find the gateway one below.")
@common
def gateway(context: Context, *, port: int | None) -> None:
    """Be the gateway."""
    single.become_gateway(_home(context), port)


@launcher.command()
@click.argument("name")
@click.option("--port", type=_PORT, help="By default the one it had, else the next free one from 50052 on.")
@click.option("--currency", help="Of a new bank, by default the network's.")
@common
def bank(context: Context, *, name: str, port: int | None, currency: str | None) -> None:
    """Be a bank; one that does not exist is made."""
    single.become_bank(_home(context), name, currency, port)


@launcher.command()
@common
def certificates(context: Context) -> None:
    """Make the network's authority and certificates, or bring them up to date, and start nothing."""
    home = _home(context)
    network = single.prepare_all(home, databases=False)
    say(f"certificates of the gateway and {_banks(network)} are up to date: {home.directory}")


@launcher.command()
@common
def databases(context: Context) -> None:
    """Make the network's databases, or bring them to the newest schema, and start nothing."""
    home = _home(context)
    network = single.prepare_all(home, databases=True)
    say(f"databases of the gateway and {_banks(network)} are at the newest schema: {home.directory}")


@launcher.command()
@common
def client(context: Context) -> None:
    """Wait for the gateway, then be the menu for people."""
    _wait_for_gateway(_home(context))
    command = (sys.executable, "-P", "-m", "clients.cli", "shell")
    os.execv(command[0], command)  # noqa: S606 (the command is put together by us)


def _wait_for_gateway(home: Home) -> None:
    network = single.prepare_client(home)
    told = ""
    moment = threading.Event()
    while not _answers(home, network):
        if told != network.customers_address:
            told = network.customers_address
            say(f"waiting for the gateway at {told}: make payment_gateway, or make run, starts it")
        moment.wait(_ASK_EVERY_SECONDS)
        # Read anew: the gateway that is started meanwhile may take another port.
        network = read_network(home.network_file) or network


def _answers(home: Home, network: Network) -> bool:
    try:
        ask_banks(home, network)
    except Refused as refused:
        if not refused.reason.try_again:
            raise
        return False
    return True


def _banks(network: Network) -> str:
    return ", ".join(member.bank for member in network.banks)


def _home(context: Context) -> Home:
    return Home(context.home_directory)


def main() -> None:
    """Run a command line; a refusal ends it as it ends `interbank`."""
    try:
        launcher.main(prog_name="python -m clients.launcher", standalone_mode=False)
    except Refused as refused:
        _end(errors.ended(refused))
    except click.ClickException as error:
        _end(errors.usage(error))
    except (click.Abort, KeyboardInterrupt):
        _end(errors.interrupted())
    except OSError as error:
        _end(errors.failed(error))


def _end(end: Ended) -> None:
    errors.show(end, as_json=False)
    sys.exit(end.exit_code)


if __name__ == "__main__":
    main()
