"""How long a customer waits for the first page of a long statement."""

import re
import statistics
import time
from pathlib import Path

from benchmarks import workloads as w
from benchmarks.failures import RunFailed
from benchmarks.figures import Figure, percentile
from benchmarks.payments import Payments
from clients.sdk import Client

PAGE = 50
"""Lines, as `interbank statement` shows when nobody says how many."""

_WARM_UP, _MEASURED = 10, 50
_AT_THE_BANK = re.compile(r" GetStatement .* OK +([0-9.]+) ms$", re.MULTILINE)


def measure_statement(payments: Payments, entries: int, repeats: int) -> dict[str, Figure]:
    """Calls of the first customer through the gateway, over TLS with the SDK, as figures by name; `entries` are what
    the statement holds at least. Raises RunFailed and Refused."""
    running, owner = payments.running, payments.customers.payers[0]
    log = running.home.bank(owner.bank).log
    found: dict[str, list[float]] = {w.STATEMENT: [], w.STATEMENT_P99: [], w.STATEMENT_AT_BANK: []}
    with Client(running.address, running.authority, owner.token) as client:
        for _ in range(repeats):
            _calls(client, owner.bank, _WARM_UP)
            logged = log.stat().st_size
            calls = _calls(client, owner.bank, _MEASURED)
            found[w.STATEMENT].append(statistics.median(calls))
            found[w.STATEMENT_P99].append(percentile(calls, 99))
            found[w.STATEMENT_AT_BANK].append(at_the_bank_ms(log, logged))
    figures = {name: Figure(tuple(values)) for name, values in found.items()}
    p50, p99, inside = (figures[name].median for name in (w.STATEMENT, w.STATEMENT_P99, w.STATEMENT_AT_BANK))
    payments.say(f"first page of {entries:,} entries: {p50:.1f} ms, p99 {p99:.1f} ms, in the bank {inside:.1f} ms")
    return figures


def at_the_bank_ms(log: Path, offset: int) -> float:
    """The median of what the bank says in its log, from this byte on, of the time that statements took it. Raises
    RunFailed if it says nothing."""
    with log.open("rb") as file:
        file.seek(offset)
        found = _AT_THE_BANK.findall(file.read().decode())
    if not found:
        raise RunFailed(f"{log.name} tells of no statement")
    return statistics.median(map(float, found))


def first_page_ms(client: Client, bank: str) -> float:
    """How long a call of it took, in milliseconds. Raises RunFailed if there is no second page."""
    begun = time.perf_counter()
    page = next(client.accounts.statement(bank, limit=PAGE))
    milliseconds = (time.perf_counter() - begun) * 1000
    if len(page.lines) != PAGE or not page.next_page:
        raise RunFailed(f"a statement that should be long has {len(page.lines)} lines")
    return milliseconds


def _calls(client: Client, bank: str, count: int) -> list[float]:
    return [first_page_ms(client, bank) for _ in range(count)]
