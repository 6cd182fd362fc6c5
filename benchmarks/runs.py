"""The order of everything: start, open accounts, warm up, measure, look at the books after each run."""

from pathlib import Path

from benchmarks.audits import audited
from benchmarks.customers import open_customers
from benchmarks.databases import measure_databases
from benchmarks.figures import Results
from benchmarks.interruptions import measure_interruptions
from benchmarks.ledgers import measure_ledgers
from benchmarks.network import Running, running_network
from benchmarks.payments import Payments, Say
from benchmarks.plan import CLIENTS, Plan
from benchmarks.procfs import pss_mb
from benchmarks.rounds import measure_rounds
from benchmarks.sweeps import measure_sweeps


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
        sweeps = measure_sweeps(plan, payments, runs)
        others = measure_interruptions(plan, payments)
        records = _audited(running, say) if plan.audit else 0
    ledgers = measure_ledgers(plan, directory, say)
    databases, missing = measure_databases(plan, directory, postgres_parent, say)
    return Results(
        runs={**runs, **ledgers.runs},
        peers={**peers, **databases},
        idle_mb=idle,
        loaded_mb=loaded,
        payments_checked=payments.books.checked + ledgers.payments_checked,
        records_audited=records + ledgers.records_audited,
        others={**others, **ledgers.others},
        no_peers=missing,
        curves=sweeps.curves,
        left_out=sweeps.left_out,
    )


def _audited(running: Running, say: Say) -> int:
    say("audit of everything")
    return audited(running)


def _memory(running: Running) -> dict[str, float]:
    return {name: pss_mb(pid) for name, pid in running.pids.items()}
