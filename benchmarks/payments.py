"""Runs of payments, each checked against the books: one after which they are wrong has no number."""

import itertools
from collections.abc import Callable, Sequence

from benchmarks.books import Books
from benchmarks.closed_loop import pay_in_batches, pay_one_by_one
from benchmarks.connections import apart
from benchmarks.customers import Customers
from benchmarks.failures import RunFailed
from benchmarks.figures import Run, p999, percentile
from benchmarks.load import Load, Measured
from benchmarks.network import Running
from benchmarks.open_loop import pay_at_rate
from benchmarks.orders import Payment
from benchmarks.plan import BATCH, BATCHES_IN_FLIGHT

Say = Callable[[str], None]


class Payments:
    """Payments of a network's customers. Every method raises RunFailed when a payment or the books are not as they
    should be."""

    def __init__(self, running: Running, customers: Customers, say: Say) -> None:
        self.books = Books(running.home.gateway.database, running.bank_files)
        self.running = running
        self.customers = customers
        self.say = say
        self._numbers = itertools.count(1)
        self._next_amount = 1

    def one_by_one(self, name: str, clients: int, seconds: float) -> Run:
        """Customers with Transfer, each waiting for the answer."""
        return self._run(name, apart(pay_one_by_one, self.load(seconds), clients))

    def in_batches(
        self,
        name: str,
        seconds: float,
        batch: int = BATCH,
        *,
        hot_bank: str = "",
        again: int = 0,
    ) -> Run:
        """The operator with SubmitTransfers; see `pay_in_batches`."""
        load = self.load(seconds)
        return self._run(name, apart(pay_in_batches, load, batch, BATCHES_IN_FLIGHT, hot_bank=hot_bank, again=again))

    def at_rate(self, name: str, seconds: float, per_second: float, logins_per_second: float = 0.0) -> Run:
        """Customers with Transfer, whenever one comes; see `pay_at_rate`."""
        return self._run(name, apart(pay_at_rate, self.load(seconds), per_second, logins_per_second))

    def load(self, seconds: float) -> Load:
        """What a load is told; every one has keys and amounts of its own."""
        running = self.running
        pids = tuple(running.pids.values())
        label = f"run-{next(self._numbers)}"
        return Load(running.address, running.authority, self.customers, pids, seconds, self._next_amount, label)

    def check(self, name: str, acknowledged: Sequence[Payment]) -> None:
        """Hold what was acknowledged since the last check against the books."""
        if not acknowledged:
            raise RunFailed(f"{name}: no payment was acknowledged")
        faults = self.books.faults(acknowledged)
        if faults:
            raise RunFailed(f"{name}: " + "; ".join(faults))
        self._next_amount = max(self._next_amount, *(payment.minor_units + 1 for payment in acknowledged))

    def _run(self, name: str, measured: Measured) -> Run:
        self.check(name, measured.acknowledged)
        took_ms = [seconds * 1000 for seconds in measured.latencies]
        run = Run(
            payments=len(measured.payments),
            per_second=measured.per_second,
            p50_ms=percentile(took_ms, 50),
            p99_ms=percentile(took_ms, 99),
            p999_ms=p999(took_ms),
            cpu_us=measured.cpu_us,
            elsewhere_percent=measured.elsewhere * 100,
        )
        self.say(f"{name}: {run.per_second:,.0f} payments/s, {run.cpu_us:,.0f} µs of processor each; books right")
        return run
