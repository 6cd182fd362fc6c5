"""What a big ledger costs: two networks, alike but for the number of entries, beside each other and paid through in
turn."""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.audits import audited
from benchmarks.big_ledger import MINOR_UNITS, Filling, fill
from benchmarks.customers import open_customers
from benchmarks.figures import Figure, Run
from benchmarks.network import running_network
from benchmarks.payments import Payments, Say
from benchmarks.plan import Plan
from benchmarks.rounds import rotated
from benchmarks.statements import measure_statement

_STEPS = 4
"""In how many parts a file is filled, so that people see it grow."""


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Runs by workload, other figures by name; how many payments were found to be right, and how many records."""

    runs: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)
    others: Mapping[str, Figure] = field(default_factory=dict)
    payments_checked: int = 0
    records_audited: int = 0


def measure_ledgers(plan: Plan, directory: Path, say: Say) -> Ledgers:
    """All of it, or nothing if the plan has no entries. Raises RunFailed and Refused."""
    if not plan.ledger_entries:
        return Ledgers()
    # One customer has a session: the owner of the long statement. The payments are the operator's.
    few = replace(plan, users=1)
    with running_network(directory / "small") as small, running_network(directory / "big") as big:
        payments = {
            workload: Payments(running, open_customers(running, few), say)
            for workload, running in ((w.SMALL_LEDGER, small), (w.BIG_LEDGER, big))
        }
        small.stop()
        big.stop()
        every = plan.ledger_entries // max(1, plan.statement_entries)
        grow(payments[w.BIG_LEDGER], range(plan.ledger_entries), every)
        small.start()
        big.start()
        runs = _in_turn(plan, payments)
        others = _statement(plan, payments[w.BIG_LEDGER])
        say(f"audit of {plan.ledger_entries:,} entries and more at each bank")
        records = audited(big) + audited(small)
        say(f"audit: {records:,} records are right")
    return Ledgers(runs, others, sum(some.books.checked for some in payments.values()), records)


def grow(payments: Payments, entries: range, every: int) -> None:
    """Write the entries with these numbers into the file of each bank of a network that is stopped, every so-many-th of
    them for the bank's first customer. Raises Refused and RunFailed."""
    files, payees = payments.running.bank_files, payments.customers.payees

    def fill_one(bank: str) -> None:
        filling = Filling(bank, payees[bank], every)
        for step in range(_STEPS):
            numbers = entries[len(entries) * step // _STEPS : len(entries) * (step + 1) // _STEPS]
            processes.submit(fill, files[bank], filling, numbers).result()
            payments.say(f"{bank}: {numbers.stop:,} of {entries.stop:,} entries written")

    with (
        ProcessPoolExecutor(len(files), mp_context=get_context("spawn")) as processes,
        ThreadPoolExecutor(len(files)) as threads,
    ):
        for job in [threads.submit(fill_one, bank) for bank in files]:
            job.result()
    payments.books.add(len(entries) * MINOR_UNITS * len(files))


def _statement(plan: Plan, payments: Payments) -> dict[str, Figure]:
    entries = plan.statement_entries
    return measure_statement(payments, entries, plan.repeats) if entries else {}


def _in_turn(plan: Plan, payments: Mapping[str, Payments]) -> dict[str, tuple[Run, ...]]:
    for workload, some in payments.items():
        some.in_batches(f"warm-up, {w.LABELS[workload]}", plan.warm_up)
    runs: dict[str, list[Run]] = defaultdict(list)
    for number in range(1, plan.repeats + 1):
        for workload in rotated(tuple(payments), number):
            name = f"{w.LABELS[workload]}, {number} of {plan.repeats}"
            runs[workload].append(payments[workload].in_batches(name, plan.batched))
    return {workload: tuple(some) for workload, some in runs.items()}
