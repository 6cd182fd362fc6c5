"""The order of everything: start, open accounts, warm up, measure again and again, look at the books after each run."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.commands import verify
from benchmarks.books import Books
from benchmarks.connections import apart
from benchmarks.customers import Customers, open_customers
from benchmarks.disk import syncs_per_second
from benchmarks.echo import Echoed, call_echo, echo_server
from benchmarks.figures import Figure, Peers, Results, Run, percentile
from benchmarks.load import Load, Measured, RunFailed, pay_in_batches, pay_one_by_one
from benchmarks.network import Running, running_network
from benchmarks.plan import BATCHES_IN_FLIGHT, CLIENTS, Plan
from benchmarks.postgres import NoPostgres, running_postgres
from benchmarks.procfs import pss_mb
from certs.credentials import read_credentials

Say = Callable[[str], None]


def measure(plan: Plan, directory: Path, postgres_parent: Path, say: Say) -> Results:
    """Measure it all with files in `directory`, an empty one. Raises RunFailed if one run is not what it should be, and
    Refused if the network does not start."""
    with running_network(directory / "home") as running:
        idle = _memory(running)
        say(f"{plan.accounts_per_bank:,} accounts at each bank, {plan.users} of them logged in")
        payments = _Payments(running, open_customers(running, plan), say)
        payments.one_by_one("warm-up, one by one", CLIENTS, plan.warm_up)
        payments.in_batches("warm-up, batched", plan.warm_up)
        rounds = list(_rounds(plan, directory, running, payments))
        loaded = _memory(running)
        say("audit of everything")
        records = _audit(running)
    pgbench, no_pgbench = _pgbench(plan, postgres_parent, say)
    return Results(
        one_by_one=tuple(one.one_by_one for one in rounds),
        batched=tuple(one.batched for one in rounds),
        single=tuple(one.single for one in rounds),
        idle_mb=idle,
        loaded_mb=loaded,
        peers=Peers(
            echo_1=Figure(tuple(one.echo_1.per_second for one in rounds)),
            echo_1_p50_ms=Figure(tuple(percentile(one.echo_1.latencies, 50) * 1000 for one in rounds)),
            echo_clients=Figure(tuple(one.echo_clients.per_second for one in rounds)),
            syncs=Figure(tuple(one.syncs for one in rounds)),
            pgbench=pgbench,
            no_pgbench=no_pgbench,
        ),
        payments_checked=payments.books.checked,
        records_audited=records,
    )


@dataclass(frozen=True, slots=True)
class _Round:
    """Everything measured once, one after the other, so that a change of the computer's mood meets all of it."""

    one_by_one: Run
    batched: Run
    single: Run
    echo_1: Echoed
    echo_clients: Echoed
    syncs: float


def _rounds(plan: Plan, directory: Path, running: Running, payments: "_Payments") -> Iterator[_Round]:
    gateway = running.home.gateway
    identity = read_credentials(gateway.certificate, gateway.key, running.home.authority_certificate)
    with echo_server(identity) as echo:
        for number in range(1, plan.repeats + 1):
            of = f"{number} of {plan.repeats}"
            yield _Round(
                one_by_one=payments.one_by_one(f"one by one, {of}", CLIENTS, plan.one_by_one),
                batched=payments.in_batches(f"batched, {of}", plan.batched),
                single=payments.one_by_one(f"one client, {of}", 1, plan.latency),
                echo_1=apart(call_echo, echo, running.authority, 1, plan.echo),
                echo_clients=apart(call_echo, echo, running.authority, CLIENTS, plan.echo),
                syncs=syncs_per_second(directory, plan.disk),
            )


class _Payments:
    """Runs of payments, each checked against the books."""

    def __init__(self, running: Running, customers: Customers, say: Say) -> None:
        home = running.home
        banks = {member.bank: home.bank(member.bank).database for member in running.network.banks}
        self.books = Books(home.gateway.database, banks)
        self._running = running
        self._customers = customers
        self._say = say
        self._numbers = itertools.count(1)
        self._next_amount = 1

    def one_by_one(self, name: str, clients: int, seconds: float) -> Run:
        """Customers with Transfer."""
        return self._checked(name, apart(pay_one_by_one, self._load(seconds), clients))

    def in_batches(self, name: str, seconds: float) -> Run:
        """The operator with SubmitTransfers."""
        return self._checked(name, apart(pay_in_batches, self._load(seconds), BATCHES_IN_FLIGHT))

    def _load(self, seconds: float) -> Load:
        running = self._running
        return Load(
            running.address,
            running.authority,
            self._customers,
            tuple(running.pids.values()),
            seconds,
            self._next_amount,
            f"run-{next(self._numbers)}",
        )

    def _checked(self, name: str, measured: Measured) -> Run:
        if not measured.payments:
            raise RunFailed(f"{name}: no payment was acknowledged")
        faults = self.books.faults(measured.payments)
        if faults:
            raise RunFailed(f"{name}: " + "; ".join(faults))
        self._next_amount = max(payment.minor_units for payment in measured.payments) + 1
        run = Run(
            len(measured.payments),
            measured.per_second,
            percentile(measured.latencies, 50) * 1000,
            percentile(measured.latencies, 99) * 1000,
            measured.cpu_us,
            measured.elsewhere * 100,
        )
        self._say(f"{name}: {run.per_second:,.0f} payments/s, {run.cpu_us:,.0f} µs of processor each; books right")
        return run


def _memory(running: Running) -> dict[str, float]:
    return {name: pss_mb(pid) for name, pid in running.pids.items()}


def _audit(running: Running) -> int:
    """Every hash and number of every file recomputed; returns how many records of banks that were. Raises RunFailed."""
    report = verify([running.home.directory])
    if not report.clean:
        raise RunFailed(f"the audit found something: {report.findings[0]}")
    return sum(file.records for file in report.files)


def _pgbench(plan: Plan, parent: Path, say: Say) -> tuple[Figure | None, str]:
    """After all else: what it leaves to be written in the background would disturb the others."""
    with contextlib.ExitStack() as stack:
        try:
            say(f"pgbench, scale {plan.postgres_scale}")
            server = stack.enter_context(running_postgres(parent, plan.postgres_scale))
            rates = [server.transactions_per_second(CLIENTS, plan.postgres) for _ in range(plan.repeats)]
        except NoPostgres as missing:
            say(f"no pgbench: {missing}")
            return None, str(missing)
    return Figure(tuple(rates)), ""
