"""The order of everything: start, open accounts, warm up, measure, look at the books after each run."""

from pathlib import Path

from audit.commands import verify
from benchmarks.customers import open_customers
from benchmarks.databases import measure_databases
from benchmarks.figures import Results
from benchmarks.interruptions import measure_interruptions
from benchmarks.load import RunFailed
from benchmarks.network import Running, running_network
from benchmarks.payments import Payments, Say
from benchmarks.plan import CLIENTS, Plan
from benchmarks.procfs import pss_mb
from benchmarks.rounds import measure_rounds


def measure(plan: Plan, directory: Path, postgres_parent: Path, say: Say) -> Results:
    """Measure it all with files in `directory`, an empty one. Raises RunFailed if one run is not what it should be, and
    Refused if the network does not start."""
    with running_network(directory / "home") as running:
        idle = _memory(running)
        say(f"{plan.accounts_per_bank:,} accounts at each bank, {plan.users} of them logged in")
        payments = Payments(running, open_customers(running, plan), say)
        payments.one_by_one("warm-up, one by one", CLIENTS, plan.warm_up)
        payments.in_batches("warm-up, batched", plan.warm_up)
        runs, peers = measure_rounds(plan, directory, payments)
        loaded = _memory(running)
        others = measure_interruptions(plan, payments)
        say("audit of everything")
        records = audited(running)
    databases, missing = measure_databases(plan, postgres_parent, say)
    return Results(
        runs=runs,
        peers={**peers, **databases},
        idle_mb=idle,
        loaded_mb=loaded,
        payments_checked=payments.books.checked,
        records_audited=records,
        others=others,
        no_peers=missing,
    )


def audited(running: Running) -> int:
    """Every hash and number of every file recomputed; returns how many records of banks that were. Raises RunFailed."""
    report = verify([running.home.directory])
    if not report.clean:
        raise RunFailed(f"the audit found something: {report.findings[0]}")
    return sum(file.records for file in report.files)


def _memory(running: Running) -> dict[str, float]:
    return {name: pss_mb(pid) for name, pid in running.pids.items()}
