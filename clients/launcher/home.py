"""Where a network keeps its files. A home may hold other files too; only these are ours."""

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from interbank.private_files import make_private_directory

GATEWAY = "gateway"
"""The gateway's name among the processes of a home; no bank id can be equal to it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one process of a network owns, and where it writes its log."""

    name: str
    directory: Path
    database: Path
    certificate: Path
    key: Path
    log: Path

    @property
    def lock(self) -> Path:
        """Held (flock) by the process for its whole life; holds one line of JSON once it is ready."""
        return Path(f"{self.database}.lock")


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of a network below `directory`, an absolute path."""

    directory: Path

    @property
    def network_file(self) -> Path:
        """What was decided about the network: its banks and where they listen."""
        return self.directory / "network.toml"

    @property
    def authority_certificate(self) -> Path:
        """The network's own certificate authority, as clients need it."""
        return self.directory / "ca" / "ca.crt"

    @property
    def authority_key(self) -> Path:
        """Whoever has this file can be any bank of the network."""
        return self.directory / "ca" / "ca.key"

    @property
    def proof_file(self) -> Path:
        """When the books were last proved equal."""
        return self.directory / "proved.json"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.directory / "logs"

    @property
    def gateway(self) -> Place:
        """What the gateway owns."""
        return self._place(GATEWAY, self.directory / "gateway", "gateway")

    def bank(self, bank: str) -> Place:
        """What a bank owns."""
        return self._place(bank, self.directory / "banks" / bank, "bank")

    def create(self, banks: tuple[str, ...]) -> None:
        """Make what directories are missing, for their owner alone. Those that exist keep their mode."""
        places = [self.gateway, *map(self.bank, banks)]
        for directory in (self.directory / "ca", self.logs, *(place.directory for place in places)):
            make_private_directory(directory)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other command starts, stops or changes this network, and keep others waiting meanwhile. Makes
        the home's directory if there is none."""
        make_private_directory(self.directory)
        path = self.directory / "up.lock"
        path.touch(mode=0o600)
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _place(self, name: str, directory: Path, kind: str) -> Place:
        return Place(
            name=name,
            directory=directory,
            database=directory / f"{kind}.db",
            certificate=directory / f"{kind}.crt",
            key=directory / f"{kind}.key",
            log=self.logs / f"{name}.log",
        )
