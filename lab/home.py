"""Where the files of a small network of real processes lie, and what they are at its beginning."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bank_service.schema import SCHEMA as BANK_SCHEMA
from certs.authority import Pair, create_authority, issue
from certs.credentials import Credentials, read_credentials
from certs.names import bank_name, gateway_names
from gateway_service.schema import SCHEMA as GATEWAY_SCHEMA
from interbank.storage.engine import open_engine
from interbank.storage.schema import Schema
from interbank.storage.sqlite import driver
from lab.books import Row
from lab.layout import lay_out

GATEWAY = "gateway"
CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Home:
    """One folder for all of it."""

    folder: Path

    @property
    def authority(self) -> Pair:
        """The network's own."""
        return Pair(self.folder / "ca.crt", self.folder / "ca.key")

    def database(self, name: str) -> Path:
        """Of the gateway or a bank."""
        return self.folder / f"{name}.db"

    def pair(self, name: str) -> Pair:
        """The certificate of the gateway or a bank, and its key."""
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def identity(self, name: str) -> Credentials:
        """The same, read."""
        pair = self.pair(name)
        return read_credentials(pair.certificate, pair.key, self.authority.certificate)


def make_files(home: Home, banks: Iterable[str]) -> None:
    """An authority, and for the gateway and each bank a certificate and an empty database."""
    create_authority(home.authority)
    issue(home.authority, home.pair(GATEWAY), gateway_names())
    make_database(home.database(GATEWAY), GATEWAY_SCHEMA)
    for bank in banks:
        issue(home.authority, home.pair(bank), [bank_name(bank)])
        make_database(home.database(bank), BANK_SCHEMA)


def make_database(path: Path, schema: Schema) -> None:
    """An empty one, where there is none."""
    path.touch(mode=0o600)
    with open_engine(path).begin() as connection:
        lay_out(connection, schema)


def read_rows(database: Path, query: str) -> list[Row]:
    """Read a database as an auditor would, while its server runs."""
    with contextlib.closing(open_to_read(database)) as connection:
        return rows_of(connection, query)


def open_to_read(database: Path) -> Any:
    """A connection of the driver that only reads."""
    return driver().connect(f"file:{database}?mode=ro", uri=True)


def rows_of(connection: Any, query: str) -> list[Row]:
    """What a query finds now."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a database that is in use, as a backup holds it."""
    with contextlib.closing(driver().connect(source)) as old, contextlib.closing(driver().connect(target)) as new:
        old.backup(new)


def put_back(database: Path, copy: Path) -> None:
    """A copy in the place of a database that nobody has open."""
    remove(database)
    copy.replace(database)
    database.chmod(0o600)


def remove(database: Path) -> None:
    """A database that nobody has open, and what SQLite keeps beside it."""
    for file in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        file.unlink(missing_ok=True)
