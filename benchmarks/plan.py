"""How much is measured, and with how many clients. No input or output."""

from dataclasses import dataclass

BANKS = ("NORTH", "SOUTH", "EAST")
CURRENCY = "EUR"
CLIENTS = 64
"""Customers who pay at the same time, one payment after the other, each over a connection of his own."""

MOST_CLIENTS = 256
"""So many bring as much one by one as is to be had: more of them only wait longer."""

BATCH = 1000
"""Orders in one SubmitTransfers: as many as the gateway takes."""

BATCHES_IN_FLIGHT = 6
"""Batches that the operator has under way at the same time, two for each paying bank."""

DEPOSIT = 100_000_000_000
"""Minor units that every account is opened with: enough for all that it will be told to pay."""

SENT_AGAIN = 91
"""Old orders in a batch of 1,000, so that every tenth key is sent twice."""

LOGINS_PER_SECOND = 2.0
SWEPT_BATCHES, SWEPT_CLIENTS = (1, 10, 100), (8, 1024)
"""Points of the curves over orders in one call and over clients, beside those that are measured anyway."""

OF_THE_MAXIMUM, STEADY_OF_THE_MAXIMUM = 0.5, 0.25
"""At what part of the rate of MOST_CLIENTS the open loops pay: the one whose latency is told, and the one beside
logins."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of things, and seconds. `users` are logged in; where they are fewer than CLIENTS, several clients share a
    session, because every login costs two passwords' worth of bcrypt. What is 0 is not measured.

    `ledger_entries` are at each bank of the big network, `statement_entries` those among them of one account; `sweep`
    is one point of a curve. Without `audit` the books are checked after each run as ever, but not every record at the
    end."""

    accounts_per_bank: int
    users: int
    repeats: int
    warm_up: float
    one_by_one: float
    batched: float
    latency: float
    echo: float
    disk: float
    postgres: float
    postgres_scale: int
    postgres_clients: tuple[int, ...] = (1, 8, 32)
    open_loop: float = 0.0
    starts: int = 0
    under_way: int = 0
    ledger_entries: int = 0
    statement_entries: int = 0
    nostro: float = 0.0
    sweep: float = 0.0
    audit: bool = True


FULL = Plan(
    accounts_per_bank=2000,
    users=CLIENTS,
    repeats=3,
    warm_up=4.0,
    one_by_one=6.0,
    batched=6.0,
    latency=4.0,
    echo=2.0,
    disk=1.0,
    postgres=3.0,
    postgres_scale=50,
    open_loop=6.0,
    starts=3,
    under_way=10_000,
    ledger_entries=1_000_000,
    statement_entries=100_000,
    nostro=3.0,
    sweep=3.0,
)
QUICK = Plan(
    accounts_per_bank=500,
    users=6,
    repeats=2,
    warm_up=2.0,
    one_by_one=3.0,
    batched=2.5,
    latency=2.0,
    echo=1.0,
    disk=0.5,
    postgres=2.0,
    postgres_scale=10,
    postgres_clients=(32,),
    audit=False,
)
