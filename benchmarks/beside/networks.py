"""A network of a checkout: its own code serves it, our load pays through it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.failures import RunFailed
from benchmarks.limits import raise_open_files
from benchmarks.network import Running
from benchmarks.places import Unusable
from benchmarks.plan import BANKS, CURRENCY
from certs.credentials import read_authority
from clients.launcher.home import Home
from clients.launcher.network_file import read_network
from clients.launcher.processes import stop_all

_OURS = ("INTERBANK_", "PYTHONPATH")
"""Beginnings of names in the environment that would lead another checkout to our home or to our code."""


def check_compiled(*checkouts: Path) -> None:
    """Raises Unusable unless each is a checkout in which `make compile` was run."""
    for checkout in checkouts:
        if not _command_of(checkout).exists():
            raise Unusable(f"{checkout} is no checkout that was compiled", f"make -C {checkout} compile")


@contextlib.contextmanager
def network_of(checkout: Path, directory: Path) -> Iterator[Running]:
    """Start a network in `directory` with the code of a checkout, and stop it in the end. Raises RunFailed."""
    raise_open_files()  # the gateway inherits it, which has a file for each client's connection
    home = Home(directory.absolute())
    try:
        _start(checkout, home)
        network = read_network(home.network_file)
        if network is None:
            raise RunFailed(f"{checkout}: interbank up has made no network")
        yield Running(home, network, read_authority(home.authority_certificate))
    finally:
        stop_all([home.gateway, *map(home.bank, BANKS)])


def _command_of(checkout: Path) -> Path:
    return checkout.absolute() / ".venv" / "bin" / "interbank"


def _start(checkout: Path, home: Home) -> None:
    wish = ("--banks", ",".join(BANKS), "--currency", CURRENCY, "--port-base", "0", "--detach")
    started = subprocess.run(  # noqa: S603 (whoever names a checkout wants its code to run)
        [_command_of(checkout), "up", "--home", home.directory, *wish],
        env={name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode != 0:
        raise RunFailed(f"{checkout}: interbank up: {started.stderr.strip()}")
