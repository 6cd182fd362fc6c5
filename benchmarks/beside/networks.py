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

_STARTED_WITHIN = 120.0
_OURS = ("INTERBANK_", "PYTHONPATH")
"""Beginnings of names in the environment that would lead another checkout to our home or to our code."""

_WHERE = "import gateway_service; print(gateway_service.__file__)"


def check_compiled(*checkouts: Path) -> None:
    """Raises Unusable unless each is a checkout in which `make compile` was run: one that was copied with its virtual
    environment would run the code of the original."""
    for checkout in checkouts:
        try:
            found = subprocess.run(  # noqa: S603 (whoever names a checkout wants its code to run)
                [_programs_of(checkout) / "python", "-P", "-c", _WHERE],
                env=_environment(),
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            raise Unusable(f"{checkout} is no checkout that was compiled", f"make -C {checkout} compile") from None
        if not Path(found.stdout.strip()).is_relative_to(checkout.resolve()):
            hint = f"rm -r {checkout}/.venv && make -C {checkout} compile"
            raise Unusable(f"{checkout} would run the code of another checkout", hint)


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


def _start(checkout: Path, home: Home) -> None:
    wish = ("--banks", ",".join(BANKS), "--currency", CURRENCY, "--port-base", "0", "--detach")
    starting = subprocess.Popen(  # noqa: S603 (as above)
        [_programs_of(checkout) / "interbank", "up", "--home", home.directory, *wish],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = starting.communicate(timeout=_STARTED_WITHIN)
    except subprocess.TimeoutExpired:
        starting.terminate()
        raise RunFailed(f"{checkout}: interbank up takes longer than {_STARTED_WITHIN:.0f} s") from None
    finally:
        starting.wait()  # whoever interrupts this leaves no server behind that has not told yet that it runs
    if starting.returncode != 0:
        raise RunFailed(f"{checkout}: interbank up: {said.strip()}")


def _programs_of(checkout: Path) -> Path:
    return checkout.absolute() / ".venv" / "bin"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
