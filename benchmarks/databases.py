"""The peers that keep their books in PostgreSQL: measured last, since what it leaves to be written in the background
would disturb the others."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.figures import Figure
from benchmarks.nostro import NoNostro, install_nostro
from benchmarks.payments import Say
from benchmarks.plan import Plan
from benchmarks.postgres import NoPostgres, Postgres, running_postgres

NOSTRO_THREADS = (1, 16)
NOSTRO_APART = (16,)

Peer = Callable[[Postgres], dict[str, Figure]]
"""Measures one on a server that runs. Raises NoPostgres or NoNostro."""


def measure_databases(plan: Plan, directory: Path, parent: Path, say: Say) -> tuple[dict[str, Figure], dict[str, str]]:
    """Figures by name, and what is missing with the command that would bring it. PostgreSQL gets a directory of its own
    below `parent`, as its user may have no access to `directory`."""
    # On the empty server first: pgbench leaves it a database of hundreds of megabytes to write back.
    peers: dict[str, Peer] = {w.NOSTRO: partial(_nostro, plan, directory)} if plan.nostro else {}
    peers[w.PGBENCH] = partial(_pgbench, plan)
    try:
        with running_postgres(parent) as server:
            return measure_peers(peers, server, say)
    except NoPostgres as why:
        say(f"no {' and no '.join(peers)}: {why}")
        return {}, dict.fromkeys(peers, str(why))


def measure_peers(peers: Mapping[str, Peer], server: Postgres, say: Say) -> tuple[dict[str, Figure], dict[str, str]]:
    """One after the other; one that cannot be measured has no figure, and says why."""
    figures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for name, measure in peers.items():
        say(name)
        try:
            figures |= measure(server)
        except (NoPostgres, NoNostro) as why:
            say(f"no {name}: {why}")
            missing[name] = str(why)
    return figures, missing


def _nostro(plan: Plan, directory: Path, server: Postgres) -> dict[str, Figure]:
    pay = partial(install_nostro(directory / "nostro", server.dsn).payments_per_second, seconds=plan.nostro)
    together = {w.nostro(threads): _repeated(plan, partial(pay, threads)) for threads in NOSTRO_THREADS}
    apart = {w.nostro_apart(threads): _repeated(plan, partial(pay, threads, apart=True)) for threads in NOSTRO_APART}
    return together | apart


def _pgbench(plan: Plan, server: Postgres) -> dict[str, Figure]:
    server.fill(plan.postgres_scale)
    figures = {}
    for clients in plan.postgres_clients:
        server.warm_up(clients)
        run = partial(server.transactions_per_second, clients, plan.postgres)
        figures[w.pgbench(clients)] = _repeated(plan, run)
    return figures


def _repeated(plan: Plan, measure: Callable[[], float]) -> Figure:
    return Figure(tuple(measure() for _ in range(plan.repeats)))
