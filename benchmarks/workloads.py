"""The names of what is measured, as they stand in latest.json. No input or output."""

BATCHED = "batched"
ONE_BY_ONE = "one_by_one"
MAXIMUM = "maximum_one_by_one"
ONE_CLIENT = "one_client"
HOT = "hot_account"
RETRIED = "retried_keys"
OPEN_LOOP = "open_loop"
STEADY = "steady"
LOGINS = "steady_with_logins"
SMALL_LEDGER = "empty_ledger"
BIG_LEDGER = "big_ledger"

LABELS = {
    BATCHED: "batched",
    ONE_BY_ONE: "one by one, 64 clients",
    MAXIMUM: "one by one, 256 clients",
    ONE_CLIENT: "one client",
    HOT: "batched, all to one account",
    RETRIED: "batched, 10 % of the keys sent again",
    OPEN_LOOP: "open loop at half of the maximum",
    STEADY: "open loop at a quarter",
    LOGINS: "the same beside 2 logins/s",
    SMALL_LEDGER: "batched, empty ledgers",
    BIG_LEDGER: "batched, a big ledger",
}
"""Workloads as people read them, in the order of the table."""

IN_BATCHES = frozenset({BATCHED, HOT, RETRIED, SMALL_LEDGER, BIG_LEDGER})
"""Those whose calls carry a thousand payments, so that the time of a call is not that of a payment."""

START = "start_s"
RECOVERY_GATEWAY = "recovery_gateway_s"
RECOVERY_BANK = "recovery_bank_s"
UNDER_WAY_GATEWAY = "under_way_gateway"
UNDER_WAY_BANK = "under_way_bank"
STATEMENT = "statement_ms"
STATEMENT_P99 = "statement_p99_ms"
STATEMENT_AT_BANK = "statement_at_bank_ms"

OTHERS = {
    START: "start to the first payment, s",
    RECOVERY_GATEWAY: "SIGKILL of the gateway until all are final, s",
    UNDER_WAY_GATEWAY: "  payments under way at that moment",
    RECOVERY_BANK: "SIGKILL of a bank until all are final, s",
    UNDER_WAY_BANK: "  payments under way at that moment, bank",
    STATEMENT: "first page of a long statement, ms",
    STATEMENT_P99: "  p99 of that",
    STATEMENT_AT_BANK: "  in the bank alone",
}
"""Figures that are not of a run of payments, in the order of the table."""

ECHO_P50 = "echo_1_p50_ms"
ECHO_P99 = "echo_1_p99_ms"
SYNCS = "fdatasync_per_s"
PGBENCH, NOSTRO = "pgbench", "hf-nostro"


def echo(clients: int) -> str:
    """Calls per second of the echo at so many clients."""
    return f"echo_{clients}_per_s"


def pgbench(clients: int) -> str:
    """Transactions per second of pgbench at so many clients."""
    return f"pgbench_{clients}_per_s"


def nostro(threads: int) -> str:
    """Debits with their credits per second of hf-nostro at so many threads, both in one transaction."""
    return f"nostro_{threads}_per_s"


def nostro_apart(threads: int) -> str:
    """The same with a transaction for each."""
    return f"nostro_apart_{threads}_per_s"


OVER_BATCHES, OVER_CLIENTS = "batch_size", "clients"
"""Curves: payments per second over orders in one call, and over clients who pay one by one."""
