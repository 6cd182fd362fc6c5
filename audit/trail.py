"""One transfer through the journal and both ledgers, in the order of the protocol.

Not in the order of the clocks: those of two machines may differ, and nothing in a payment depends on them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from audit.amounts import decimal, moment
from audit.cases import Case
from audit.files import CannotAudit, Files, OpenFile, opened
from audit.findings import Finding
from audit.hashes import ORDER_FIELDS
from audit.journal import FINAL
from audit.judgement import judge, rewritten
from audit.ledger import account_name
from audit.matching import cases
from audit.witnesses import compare, rewritten_findings

_AT_BANK = """
SELECT r.recorded_at, r.record_id, t.outcome, {asked}, {reason},
       e.entry_id, e.debit_account, e.credit_account, e.amount, e.debit_balance_after, e.credit_balance_after
FROM {table} t JOIN records r ON r.record_id = t.record_id LEFT JOIN entries e ON e.record_id = t.record_id
WHERE t.transfer_id = ?
"""
_ORDER = f"SELECT outcome, fingerprint, principal, {', '.join(ORDER_FIELDS)} FROM outcomes WHERE transfer_id = ?"
_JOURNAL = f"""
SELECT state, reason, accepted_at, finished_at, fingerprint, principal, {", ".join(ORDER_FIELDS)}
FROM transfers WHERE transfer_id = ?
"""
# What a bank was asked, where only the answer is written down.
_ASKED = {"SETTLED": "SETTLE", "RETURNED": "RETURN_DEBIT"}


@dataclass(frozen=True, slots=True)
class Movement:
    """What an entry did to one account, in minor units."""

    account: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was written down. `where` is a bank's id or "gateway"; `asked` the instruction that a bank
    answered; `record` and `entry` are numbers, 0 where there is none; `at` is empty for a state that is not final."""

    at: str
    where: str
    what: str
    asked: str = ""
    reason: str = ""
    record: int = 0
    entry: int = 0
    movements: tuple[Movement, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """All that the files know of one transfer, and what in it cannot all be right."""

    transfer_id: str
    order: dict[str, str]
    minor_units: int
    principal: str
    state: str
    final: bool
    steps: tuple[Step, ...]
    fingerprints: dict[str, str]
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]

    @property
    def currency(self) -> str:
        """The order's currency."""
        return self.order["currency"]

    @property
    def clean(self) -> bool:
        """Whether all files tell one story."""
        return not self.findings

    def as_json(self) -> dict[str, object]:
        """Amounts as decimal text, beside the currency."""

        def step(one: Step) -> dict[str, object]:
            movements = [
                {
                    "account": movement.account,
                    "before": decimal(movement.before, self.currency),
                    "after": decimal(movement.after, self.currency),
                }
                for movement in one.movements
            ]
            return asdict(one) | {"movements": movements}

        return {
            "command": "trail",
            "transfer_id": self.transfer_id,
            **self.order,
            "amount": decimal(self.minor_units, self.currency),
            "principal": self.principal,
            "state": self.state,
            "final": self.final,
            "steps": [step(one) for one in self.steps],
            "fingerprints": self.fingerprints,
            "findings": [finding.as_json() for finding in self.findings],
            "not_checked": list(self.not_checked),
        }


def trail(transfer_id: str, places: Sequence[Path]) -> Trail:
    """Follow one transfer, named by any unique beginning of its id. Raises CannotAudit."""
    with opened(places) as files:
        wanted = _find(files, transfer_id)
        found, live = _follow(files, wanted), files.live
    if live and found.findings:
        # As in `commands.py`: on a running network a difference counts only if it lasts.
        before = {finding.kind for finding in found.findings}
        with opened(places) as files:
            found = _follow(files, wanted)
        found = replace(found, findings=tuple(finding for finding in found.findings if finding.kind in before))
    return found


def _find(files: Files, beginning: str) -> bytes:
    """The one id that begins so."""
    digits = beginning.lower()
    if not 1 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        hint = "1 to 32 of 0-9 and a-f, the beginning of an id"
        raise CannotAudit("TRANSFER_ID_MALFORMED", f'"{beginning[:40]}" is not the beginning of a transfer id', hint)
    bounds = (bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f")))
    ids: set[bytes] = set()
    for file in files.all:
        table = "transfers" if file.service == "gateway" else "outcomes"
        statement = f"SELECT transfer_id FROM {table} WHERE transfer_id BETWEEN ? AND ? LIMIT 5"
        ids |= {row[0] for row in file.connection.execute(statement, bounds)}
    if len(ids) > 1:
        names = ", ".join(sorted(found.hex() for found in ids)[:5])
        raise CannotAudit("TRANSFER_ID_MALFORMED", f"{beginning} begins more than one id: {names}", "write more of it")
    if not ids:
        raise CannotAudit("TRANSFER_NOT_FOUND", f"no transfer in these files begins with {beginning}")
    return ids.pop()


def _follow(files: Files, wanted: bytes) -> Trail:
    journal = None
    if files.gateway:
        journal = files.gateway.connection.execute(_JOURNAL, (wanted,)).fetchone()
    at_banks = {
        name: row
        for name, bank in files.banks.items()
        if (row := bank.connection.execute(_ORDER, (wanted,)).fetchone()) is not None
    }
    order = dict(zip(ORDER_FIELDS, journal[6:] if journal else next(iter(at_banks.values()))[3:], strict=True))
    steps = _in_order(order, journal, {name: list(_steps(files.banks[name], wanted)) for name in at_banks})
    fingerprints = {"journal": journal[4].hex()} if journal else {}
    fingerprints |= {name: row[1].hex() for name, row in at_banks.items()}
    missing = sorted({str(order["payer_bank"]), str(order["payee_bank"])} - files.banks.keys())
    return Trail(
        transfer_id=wanted.hex(),
        order={field: _text(field, value) for field, value in order.items() if field != "amount"},
        minor_units=int(order["amount"]),
        principal=str(journal[5] if journal else next(iter(at_banks.values()))[2]),
        state=journal[0] if journal else steps[-1].what,
        final=journal is None or journal[0] in FINAL,
        steps=steps,
        fingerprints=fingerprints,
        findings=tuple(finding for case in cases(files, compare(files), wanted) for finding in _findings(case)),
        not_checked=(
            *(f"{path}: {reason}" for path, reason in files.unknown),
            *(f"{bank}: no file" for bank in missing),
        ),
    )


def _findings(case: Case) -> Iterator[Finding]:
    yield from judge(case)
    for bank, position in rewritten(case):
        yield from rewritten_findings({bank: [position]})


def _steps(bank: OpenFile, wanted: bytes) -> Iterator[Step]:
    """What a bank wrote down: its outcome, then how that was concluded."""
    for table, asked, reason in (("outcomes", "t.instruction", "t.reason"), ("conclusions", "''", "''")):
        statement = _AT_BANK.format(table=table, asked=asked, reason=reason)
        for row in bank.connection.execute(statement, (wanted,)):
            at, record, what, instruction, refusal, entry, debit, credit, amount, debit_after, credit_after = row
            movements: tuple[Movement, ...] = ()
            if entry is not None:
                movements = (
                    Movement(account_name(debit), debit_after + amount, debit_after),
                    Movement(account_name(credit), credit_after - amount, credit_after),
                )
            asked_for = instruction or _ASKED[what]
            yield Step(moment(at), bank.name, what, asked_for, refusal, record, entry or 0, movements)


def _in_order(order: dict[str, Any], journal: tuple[Any, ...] | None, banks: dict[str, list[Step]]) -> tuple[Step, ...]:
    """Acceptance, payer's bank, payee's bank, what came back, the end; a settlement comes after the end."""
    ends = [Step("", "gateway", journal[0])] if journal else []
    accepted: list[Step] = []
    if journal:
        state, reason, accepted_at, finished_at = journal[:4]
        accepted = [Step(moment(accepted_at), "gateway", "ACCEPTED")]
        if finished_at is not None:
            ends = [Step(moment(finished_at), "gateway", state, reason=reason)]
    payer = banks.pop(order["payer_bank"], [])
    others = [step for steps in banks.values() for step in steps]
    before, after = payer[:1], payer[1:]
    if before and before[0].what == "NOT_DEBITED":
        # Given up before any debit: the payee's bank was asked first, and the payer's bank only then.
        before, others = others, before
    returned = [step for step in after if step.what == "RETURNED"]
    settled = [step for step in after if step.what != "RETURNED"]
    return (*accepted, *before, *others, *returned, *ends, *settled)


def _text(field: str, value: Any) -> str:
    return account_name(value) if field.endswith("_account") else str(value)
