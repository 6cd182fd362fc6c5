"""What `pay-file` tells people and programs of its lines. No input or output."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clients.bulk_payments import Payment
from clients.cli.output import group_digits
from clients.cli.transfer_words import reason_code
from clients.csv_files import Fault, MalformedFile
from interbank.money import Money, to_decimal

RESULT_COLUMNS = (
    "line", "from_bank", "from_account", "to_bank", "to_account", "to_name", "amount", "currency", "reference", "key",
    "state", "reason", "transfer_id",
)  # fmt: skip

_UNPAID = ("REFUSED", "RETURNED", "CANCELLED")
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """How the lines of a file stand, by number and sum; every line is in exactly one group."""

    completed: Sequence[Payment]
    refused: Sequence[Payment]
    on_their_way: Sequence[Payment]
    not_accepted: Sequence[Payment]

    @property
    def exit_code(self) -> int:
        """0 all completed, else 6 if any is not final, else 5 if any was not accepted, else 3."""
        for group, code in ((self.on_their_way, 6), (self.not_accepted, 5), (self.refused, 3)):
            if group:
                return code
        return 0


def tally(payments: Sequence[Payment]) -> Tally:
    """Sort the lines into groups."""
    groups: dict[str, list[Payment]] = {"completed": [], "refused": [], "on_their_way": [], "not_accepted": []}
    for payment in payments:
        groups[_group(payment.state)].append(payment)
    return Tally(**groups)


def total(payments: Iterable[Payment], currency: str) -> Money:
    """The sum of some lines."""
    return Money(sum(payment.line.order.minor_units for payment in payments), currency)


def opening(name: str, run: str, payments: Sequence[Payment], payer: str, currency: str) -> str:
    """What is about to be paid, and what earlier runs did. `payer` is for example `NORTH 1001 (58,000.00 EUR)`."""
    label = f'{name}, run "{run}"'
    new = [payment for payment in payments if payment.state == "NOT_SENT"]
    if len(new) == len(payments):
        return f"{label}: {_lines(new)}, {_sum(new, currency)}, from {payer}."
    counted = tally([payment for payment in payments if payment.state != "NOT_SENT"])
    told = []
    if counted.completed:
        told.append(
            f"{_were(counted.completed)} paid {_last_day(counted.completed)} and {_stay(counted.completed)} paid."
        )
    if counted.refused:
        told.append(
            f"{_were(counted.refused)} refused or returned and {_stay(counted.refused)} so; --again-refused pays anew."
        )
    if counted.on_their_way:
        told.append(f"{_lines(counted.on_their_way)} on their way, {_sum(counted.on_their_way, currency)}.")
    if new:
        told.append(f"{_lines(new)} {'is' if len(new) == 1 else 'are'} new, {_sum(new, currency)}, from {payer}.")
    return f"{label}: {' '.join(told)}"


def nothing_to_pay(run: str, payments: Sequence[Payment], now: datetime) -> str:
    """What to say when every line was paid before."""
    if not payments:
        return "Nothing to pay: the file has no lines below its header."
    what = "the line was" if len(payments) == 1 else f"all {len(payments)} lines were"
    next_month = now.replace(day=28) + timedelta(days=4)
    return f'Nothing to pay: {what} paid {_last_day(payments)}, run "{run}". For a new month: --run {next_month:%Y-%m}'


def closing(counted: Tally, currency: str, seconds: float, results: str) -> list[str]:
    """How it ended, and the first of the lines that were not paid."""
    everything = [*counted.completed, *counted.refused, *counted.on_their_way, *counted.not_accepted]
    final = len(counted.completed) + len(counted.refused)
    parts = [
        f"{final}/{len(everything)}",
        f"{len(counted.completed)} completed {_sum(counted.completed, currency)}",
        f"{len(counted.refused)} refused {_sum(counted.refused, currency)}",
        f"{len(counted.on_their_way)} on their way",
    ]
    if counted.not_accepted:
        parts.append(f"{len(counted.not_accepted)} not accepted {_sum(counted.not_accepted, currency)}")
    lines = ["   ".join([*parts, f"{seconds:.1f} s", results])]
    unpaid = sorted((p for p in everything if p.state != "COMPLETED"), key=lambda payment: payment.line.number)
    lines += map(_unpaid_line, unpaid[:_SHOWN])
    if len(unpaid) > _SHOWN:
        lines.append(f"  and {len(unpaid) - _SHOWN} more lines: see {results}")
    return lines


def results(payments: Iterable[Payment]) -> str:
    """The results file: each line of the file with what became of it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, RESULT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(result_row, payments))
    return text.getvalue()


def result_row(payment: Payment) -> dict[str, Any]:
    """A line and what became of it."""
    order = payment.order
    return {
        "line": payment.line.number,
        "from_bank": order.payer_bank,
        "from_account": str(order.payer_account),
        "to_bank": order.payee_bank,
        "to_account": str(order.payee_account),
        "to_name": order.payee_name,
        "amount": order.amount.decimal,
        "currency": order.currency,
        "reference": order.reference,
        "key": order.idempotency_key,
        "state": payment.state,
        "reason": payment.reason,
        "transfer_id": payment.transfer.transfer_id if payment.transfer else "",
    }


def summary(name: str, run: str, counted: Tally, currency: str, seconds: float, results_file: str) -> dict[str, Any]:
    """The same for programs; amounts are decimal strings."""
    groups = {
        "completed": counted.completed,
        "refused": counted.refused,
        "on_their_way": counted.on_their_way,
        "not_accepted": counted.not_accepted,
    }
    row: dict[str, Any] = {"file": name, "run": run, "lines": sum(map(len, groups.values())), "currency": currency}
    for group, payments in groups.items():
        row[group] = len(payments)
        row[f"{group}_amount"] = total(payments, currency).decimal
    return {**row, "milliseconds": round(seconds * 1000), "results_file": results_file}


def malformed(name: str, error: MalformedFile) -> list[str]:
    """Every fault of a file, the first one in the headline."""
    first, *others = error.faults
    more = f" ({len(others)} more: {_line_numbers(others)})" if others else ""
    return [f"usage: {name} {first}{more}", *(f"  {name} {fault}" for fault in others)]


def _line_numbers(faults: Sequence[Fault]) -> str:
    numbers = list(dict.fromkeys(fault.line for fault in faults))
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}{' …' if len(numbers) > _SHOWN else ''}"


def _group(state: str) -> str:
    if state == "COMPLETED":
        return "completed"
    if state in _UNPAID:
        return "refused"
    return "not_accepted" if state in ("NOT_ACCEPTED", "NOT_SENT") else "on_their_way"


def _unpaid_line(payment: Payment) -> str:
    order = payment.order
    reason = f" {reason_code(payment.reason)}" if payment.reason else ""
    payee = f'{order.payee_bank} {order.payee_account} "{order.payee_name}"'
    return f"  line {payment.line.number}  {payee}  {order.amount}  {payment.state.lower().replace('_', ' ')}{reason}"


def _lines(payments: Sequence[Payment]) -> str:
    return "1 line" if len(payments) == 1 else f"{len(payments):,} lines"


def _were(payments: Sequence[Payment]) -> str:
    return f"{_lines(payments)} {'was' if len(payments) == 1 else 'were'}"


def _stay(payments: Sequence[Payment]) -> str:
    return "stays" if len(payments) == 1 else "stay"


def _sum(payments: Iterable[Payment], currency: str) -> str:
    money = total(payments, currency)
    return f"{group_digits(to_decimal(money.minor_units, currency))} {currency}"


def _last_day(payments: Iterable[Payment]) -> str:
    """When the last of them was paid: `22 Nov 14:02`."""
    ends = [payment.transfer.finished_at for payment in payments if payment.transfer and payment.transfer.finished_at]
    if not ends:
        return "before"
    local = max(ends).astimezone()
    return f"{local.day} {local:%b %H:%M}"
