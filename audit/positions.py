"""Who owes whom: what customers of one bank were credited by payments of another's, less the other way round."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.amounts import decimal, grouped
from audit.describe import describe
from audit.files import Files, opened
from audit.report import FileReport

_CREDITED = """
SELECT o.payer_bank, o.currency, sum(e.amount) FROM outcomes o JOIN entries e ON e.record_id = o.record_id
WHERE o.outcome = 'CREDITED' GROUP BY o.payer_bank, o.currency
"""


@dataclass(frozen=True, slots=True)
class Position:
    """What one bank owes another, in minor units, more than zero. The two gross sums are what the creditor's customers
    were credited, and what the debtor's were."""

    debtor: str
    creditor: str
    minor_units: int
    currency: str
    credited: int
    credited_back: int

    @property
    def line(self) -> str:
        """For people: "NORTH owes SOUTH 13.34 EUR"."""
        return f"{self.debtor} owes {self.creditor} {grouped(self.minor_units, self.currency)} {self.currency}"

    def as_json(self) -> dict[str, str]:
        """Amounts as decimal text."""
        return {
            "debtor": self.debtor,
            "creditor": self.creditor,
            "amount": decimal(self.minor_units, self.currency),
            "currency": self.currency,
            "credited": decimal(self.credited, self.currency),
            "credited_back": decimal(self.credited_back, self.currency),
        }


@dataclass(frozen=True, slots=True)
class Positions:
    """All positions between banks, and what is not in them."""

    files: tuple[FileReport, ...]
    positions: tuple[Position, ...]
    not_checked: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "command": "positions",
            "positions": [position.as_json() for position in self.positions],
            "not_checked": list(self.not_checked),
        }


def positions(places: Sequence[Path]) -> Positions:
    """Who owes whom, by currency, from the entries of the banks that were paid. Raises CannotAudit."""
    with opened(places) as files:
        credited: Counter[tuple[str, str, str]] = Counter()
        for payee, bank in files.banks.items():
            for payer, currency, amount in bank.connection.execute(_CREDITED):
                credited[currency, payer, payee] += amount
        described = describe(files)
        not_checked = [*described.not_checked, *_not_counted(files, {payer for _, payer, _ in credited})]
    return Positions(described.files, tuple(_netted(credited)), tuple(not_checked))


def _netted(credited: Counter[tuple[str, str, str]]) -> list[Position]:
    found = []
    for currency, one, other in sorted({(currency, *sorted(pair)) for currency, *pair in credited}):
        there, back = credited[currency, one, other], credited[currency, other, one]
        if there > back:
            found.append(Position(one, other, there - back, currency, there, back))
        elif back > there:
            found.append(Position(other, one, back - there, currency, back, there))
    return found


def _not_counted(files: Files, payers: set[str]) -> list[str]:
    known = set(payers)
    if files.gateway:
        known |= {row[0] for row in files.gateway.connection.execute("SELECT bank FROM banks")}
    return [f"{bank}: no file, so what it was paid is not counted" for bank in sorted(known - files.banks.keys())]
