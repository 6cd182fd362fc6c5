"""The peer that everybody knows: PostgreSQL with pgbench's TPC-B, in a directory of its own, gone afterwards. Other
peers keep their books in it, too."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DEBIAN = "/usr/lib/postgresql"
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)?")
_DATABASE = "postgres"
_UNPRIVILEGED = "postgres"
HOW_TO_GET_IT = "apt install postgresql"

_WARM_UP = 1.0
_STOPPED_WITHIN, _STOP_AGAIN_AFTER = 5.0, 0.5


class NoPostgres(Exception):
    """There is none to be had here; says why, and what would bring it."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL that runs with its own settings (every commit synced), on a socket in `directory`."""

    directory: Path
    pgbench: str
    psql: str
    user: str | None

    @property
    def dsn(self) -> str:
        """What tells a client where it is."""
        return f"host={self.directory} user={_DATABASE} dbname={_DATABASE}"

    def fill(self, scale: int) -> None:
        """Make pgbench's tables: 100,000 accounts for each unit of `scale`. They are on the disk then, so that no
        measurement pays for it. Raises NoPostgres."""
        words = ("-h", str(self.directory), "-i", "-q", "-s", str(scale), _DATABASE)
        _run(self.user, self.directory, self.pgbench, *words)
        _run(self.user, self.directory, self.psql, "-h", str(self.directory), "-c", "CHECKPOINT", _DATABASE)

    def warm_up(self, clients: int) -> None:
        """Transactions that nobody counts. Raises NoPostgres."""
        self.transactions_per_second(clients, _WARM_UP)

    def transactions_per_second(self, clients: int, seconds: float) -> float:
        """TPC-B with prepared statements: three updates, a select and an insert per transaction. Raises NoPostgres."""
        words = ("-n", "-M", "prepared", "-c", str(clients), "-j", str(os.cpu_count() or 1), "-T", f"{seconds:.0f}")
        told = _run(self.user, self.directory, self.pgbench, "-h", str(self.directory), *words, _DATABASE)
        found = re.search(r"^tps = ([0-9.]+)", told, re.MULTILINE)
        if found is None:
            raise NoPostgres("pgbench did not say how fast it was")
        return float(found[1])


@contextlib.contextmanager
def running_postgres(parent: Path) -> Iterator[Postgres]:
    """Make a database cluster below `parent`, an empty one, and start it. Raises NoPostgres."""
    initdb, pg_ctl, pgbench, psql = map(_find, ("initdb", "pg_ctl", "pgbench", "psql"))
    user = _unprivileged()
    directory = Path(tempfile.mkdtemp(prefix="interbank-pgbench-", dir=parent))
    try:
        if user is not None:
            shutil.chown(directory, user)
        data = directory / "data"
        _run(user, directory, initdb, "--pgdata", str(data), "--auth", "trust", "--username", _DATABASE, "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{directory}'"
        log = str(directory / "log")
        try:
            # Inside: who interrupts the start has a server perhaps.
            _run(user, directory, pg_ctl, "--pgdata", str(data), "--wait", "--log", log, "--options", options, "start")
            yield Postgres(directory, pgbench, psql, user)
        finally:
            _stop(user, directory, pg_ctl, "--pgdata", str(data), "--wait", "--mode", "immediate", "stop")
    finally:
        _remove(directory)


def _stop(user: str | None, directory: Path, *command: str) -> None:
    """What was measured stands though the server should not stop. One whose start was interrupted may need a moment
    until pg_ctl finds it; without its directory it ends by itself within a minute or so."""
    end = time.monotonic() + _STOPPED_WITHIN
    while time.monotonic() < end:
        try:
            _run(user, directory, *command)
        except NoPostgres:
            time.sleep(_STOP_AGAIN_AFTER)
        else:
            return


def _remove(directory: Path) -> None:
    """A program that was interrupted may have left one that still writes for a moment."""
    end = time.monotonic() + _STOPPED_WITHIN
    while time.monotonic() < end:
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(_STOP_AGAIN_AFTER)


def _find(program: str) -> str:
    """Debian keeps the server's programs out of the way, one directory for each version."""
    numbered = (path for path in Path(_DEBIAN).glob("*/bin") if _VERSION.fullmatch(path.parent.name))
    versions = sorted(numbered, key=lambda path: float(path.parent.name), reverse=True)
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, versions)]))
    if found is None:
        raise NoPostgres(f"no {program} here: {HOW_TO_GET_IT}")
    return found


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; its own user serves then."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise NoPostgres(f"it does not run as root, and there is no user {_UNPRIVILEGED}: {HOW_TO_GET_IT}") from None
    return _UNPRIVILEGED


def _run(user: str | None, directory: Path, *command: str) -> str:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "PGUSER": _DATABASE, "LC_ALL": "C"}
    log = directory.parent / f"{directory.name}.out"
    # Into a file: a server that was started would keep a pipe open, and us waiting.
    try:
        with log.open("w+") as output:
            done = subprocess.run(  # noqa: S603 (the command is put together by us)
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=user,
                check=False,
            )
            output.seek(0)
            told = output.read()
    finally:
        log.unlink()
    if done.returncode:
        raise NoPostgres(f"{Path(command[0]).name} failed: {told.strip().splitlines()[-1] if told.strip() else ''}")
    return told
