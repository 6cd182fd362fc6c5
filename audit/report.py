"""What an audit hands back: frozen, and each with a form for programs."""

from dataclasses import asdict, dataclass

from audit.amounts import decimal, moment
from audit.findings import Finding


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file as it was read. `service` is "bank" or "gateway"; `rows` are entries or transfers, `records` a bank's last
    record; times are empty where there are no rows; `sha256` is empty for a file of a running network, where it would
    say nothing. `note` says what the manifest of a backup, or the other files, say of it."""

    path: str
    service: str
    name: str
    currency: str
    revision: str
    rows: int
    records: int
    first_at: str
    last_at: str
    sha256: str
    note: str


@dataclass(frozen=True, slots=True)
class Totals:
    """All banks of one currency together, in minor units. What was put in is what customers hold, plus what is between
    banks, less what a repair took from the recovery account."""

    currency: str
    cash_put_in: int
    customers_hold: int
    clearing: int
    recovery: int

    def as_json(self) -> dict[str, str]:
        """Amounts as decimal text."""
        amounts = {name: value for name, value in asdict(self).items() if name != "currency"}
        return {"currency": self.currency} | {name: decimal(value, self.currency) for name, value in amounts.items()}


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A payment whose money is in the payer's bank's clearing account and not yet with the payee."""

    transfer_id: str
    payer_bank: str
    payee_bank: str
    minor_units: int
    currency: str
    state: str
    since: int

    def as_json(self) -> dict[str, str]:
        """Amount as decimal text, time as ISO 8601."""
        return {
            "transfer_id": self.transfer_id,
            "payer_bank": self.payer_bank,
            "payee_bank": self.payee_bank,
            "amount": decimal(self.minor_units, self.currency),
            "currency": self.currency,
            "state": self.state,
            "since": moment(self.since),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many transfers were compared and how they stand. `three_ways` counts those for which every file that must
    know them was there, `two_ways` those with two of these files, `one_way` those that one file alone tells of, with
    nothing to compare it with; `by_state` is the journal's states, in the order of a payment's life; `clearing` is what
    each bank's clearing account holds, as (bank, minor units, currency)."""

    transfers: int
    three_ways: int
    two_ways: int
    one_way: int
    by_state: dict[str, int]
    under_way: tuple[UnderWay, ...]
    clearing: tuple[tuple[str, int, str], ...]

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "transfers": self.transfers,
            "three_ways": self.three_ways,
            "two_ways": self.two_ways,
            "one_way": self.one_way,
            "by_state": self.by_state,
            "under_way": [item.as_json() for item in self.under_way],
            "clearing": [
                {"bank": bank, "balance": decimal(minor_units, currency), "currency": currency}
                for bank, minor_units, currency in self.clearing
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `verify` or `reconcile`. `looks` is 2 where differences on a running network were looked at again:
    `findings` are then those that lasted. `not_read` are files of the network that this auditor cannot read."""

    command: str
    files: tuple[FileReport, ...]
    checked: tuple[str, ...]
    money: tuple[Totals, ...]
    comparison: Comparison | None
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]
    not_visible: tuple[str, ...]
    looks: int = 1
    not_read: tuple[str, ...] = ()

    @property
    def differing(self) -> int:
        """Transfers of which something is wrong."""
        return len({finding.transfer_id for finding in self.findings if finding.transfer_id})

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def exit_code(self) -> int:
        """7 if something was found; else 1 if a file of the network could not be read, so that nobody takes it for
        checked; else 0."""
        return 7 if self.findings else 1 if self.not_read else 0

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "command": self.command,
            "clean": self.clean,
            "files": [asdict(file) for file in self.files],
            "checked": list(self.checked),
            "money": [totals.as_json() for totals in self.money],
            "comparison": self.comparison.as_json() if self.comparison else None,
            "findings": [finding.as_json() for finding in self.findings],
            "not_checked": list(self.not_checked),
            "not_visible": list(self.not_visible),
            "looks": self.looks,
            "not_read": list(self.not_read),
        }
