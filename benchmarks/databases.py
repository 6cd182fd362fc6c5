"""The peers that keep their books in PostgreSQL: measured last, since what it leaves to be written in the background
would disturb the others."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.figures import Figure
from benchmarks.payments import Say
from benchmarks.plan import Plan
from benchmarks.postgres import NoPostgres, Pgbench, running_postgres

PGBENCH_CLIENTS = (1, 8, 32)


def measure_databases(plan: Plan, parent: Path, say: Say) -> tuple[dict[str, Figure], dict[str, str]]:
    """Figures by name, and what is missing with the command that would bring it."""
    try:
        say(f"pgbench, scale {plan.postgres_scale}")
        with running_postgres(parent, plan.postgres_scale) as server:
            return dict(_pgbench(plan, server)), {}
    except NoPostgres as missing:
        say(f"no pgbench: {missing}")
        return {}, {w.PGBENCH: str(missing)}


def _pgbench(plan: Plan, server: Pgbench) -> Iterator[tuple[str, Figure]]:
    for clients in PGBENCH_CLIENTS:
        rates = [server.transactions_per_second(clients, plan.postgres) for _ in range(plan.repeats)]
        yield w.pgbench(clients), Figure(tuple(rates))
