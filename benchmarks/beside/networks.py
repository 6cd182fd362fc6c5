"""A network of another checkout: its own code serves it, our load pays through it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.failures import RunFailed
from benchmarks.limits import raise_open_files
from benchmarks.network import Running
from benchmarks.plan import BANKS, CURRENCY
from certs.credentials import read_authority
from clients.launcher.home import Home
from clients.launcher.network_file import read_network
from clients.launcher.processes import stop_all


def command_of(checkout: Path) -> Path:
    """The `interbank` of a checkout, as `make compile` makes it."""
    return checkout / ".venv" / "bin" / "interbank"


@contextlib.contextmanager
def network_of(checkout: Path, directory: Path) -> Iterator[Running]:
    """Start a network in `directory` with the code of a checkout, and stop it in the end. Raises RunFailed."""
    raise_open_files()
    home = Home(directory)
    try:
        _start(checkout, directory)
        network = read_network(home.network_file)
        if network is None:
            raise RunFailed(f"{checkout}: interbank up has made no network")
        yield Running(home, network, read_authority(home.authority_certificate))
    finally:
        stop_all([home.gateway, *map(home.bank, BANKS)])


def _start(checkout: Path, directory: Path) -> None:
    banks = ",".join(BANKS)
    wish = ("--banks", banks, "--currency", CURRENCY, "--port-base", "0", "--detach")
    started = subprocess.run(  # noqa: S603  the caller's own checkout
        [command_of(checkout), "up", "--home", directory, *wish],
        env={name: value for name, value in os.environ.items() if not name.startswith("INTERBANK_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if started.returncode != 0:
        raise RunFailed(f"{checkout}: interbank up: {started.stderr.strip()}")
