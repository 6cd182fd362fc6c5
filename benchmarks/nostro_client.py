"""Pays with hf-nostro: a script for the Python of that package's own environment (`nostro.py` starts it), which has
nothing of ours. Prints how many payments it made in how many seconds, as JSON.

A payment is a debit and a credit, each under a key. Both in one transaction is how the package's page joins two calls,
and its quickest way: one commit, and no settings made anew for each call; `--apart` lets each call commit by itself, as
it must where payer and payee are in two databases. Accounts are named by the id that was handed out, which costs no
look-up, and every thread has a connection.
"""

import argparse
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from nostro import Ledger  # type: ignore[import-not-found]
from psycopg_pool import ConnectionPool  # type: ignore[import-not-found]

_ACCOUNTS = 500
_STRIDE = 7919
"""A prime: payments that follow each other are on accounts far apart, so threads do not wait for each other's."""


@dataclass(frozen=True, slots=True)
class Load:
    """What every thread pays with. `transaction` gives the cursor that joins two calls, or None."""

    ledger: Any
    payers: list[Any]
    payees: list[Any]
    transaction: Callable[[], contextlib.AbstractContextManager[Any]]


def main() -> None:
    """Pay for the warm-up, then for the seconds that count."""
    arguments = _arguments()
    threads = arguments.threads
    with ConnectionPool(arguments.dsn, min_size=threads, max_size=threads, open=True) as pool:
        pool.wait()
        ledger, joined = Ledger(pool=pool, scale=arguments.scale), partial(_transaction, pool)
        # Who pays is never paid: so no two transactions wait for each other in a circle.
        payers, payees = _opened(ledger, joined, "payer"), _opened(ledger, joined, "payee")
        load = Load(ledger, payers, payees, contextlib.nullcontext if arguments.apart else joined)
        _pay_at_once(load, threads, arguments.warm_up)
        begun = time.perf_counter()
        payments = _pay_at_once(load, threads, arguments.seconds)
        sys.stdout.write(json.dumps({"payments": payments, "seconds": time.perf_counter() - begun}) + "\n")


def _pay_at_once(load: Load, threads: int, seconds: float) -> int:
    end = time.perf_counter() + seconds
    with ThreadPoolExecutor(threads) as workers:
        series = (range(first, sys.maxsize, threads) for first in range(threads))
        jobs = [workers.submit(_pay, load, numbers, end) for numbers in series]
        return sum(job.result() for job in jobs)


def _pay(load: Load, numbers: range, end: float) -> int:
    ledger, run, done = load.ledger, uuid.uuid4().hex, 0
    amount = ledger.amount("0.01")
    for number in numbers:
        if time.perf_counter() >= end:
            break
        place, key = number * _STRIDE % _ACCOUNTS, f"{run}-{number}"
        with load.transaction() as cursor:
            ledger.debit(load.payers[place], amount, category="out", idempotency_key=f"{key}-out", cur=cursor)
            ledger.credit(load.payees[place], amount, category="in", idempotency_key=f"{key}-in", cur=cursor)
        done += 1
    return done


@contextlib.contextmanager
def _transaction(pool: Any) -> Iterator[Any]:
    with pool.connection() as connection, connection.cursor() as cursor:
        yield cursor


def _opened(ledger: Any, transaction: Callable[[], contextlib.AbstractContextManager[Any]], kind: str) -> list[Any]:
    """Ids of accounts with money in them; those of an earlier run, if there was one."""
    money = ledger.amount("1000000.00")
    with transaction() as cursor:
        found = [ledger.accounts.get_or_create("benchmark", f"{kind}-{n}", cur=cursor).id for n in range(_ACCOUNTS)]
        for account in found:
            ledger.credit(account, money, category="opening", idempotency_key=f"opening-{account}", cur=cursor)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--scale", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--warm-up", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
