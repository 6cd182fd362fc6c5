"""Every transfer three ways: journal, payer's bank, payee's bank; and the clearing accounts, transfer by transfer."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from audit.amounts import grouped, money
from audit.cases import Case
from audit.files import Files
from audit.findings import Finding, Kind
from audit.journal import FINAL
from audit.judgement import claims, judge, rewritten
from audit.matching import cases
from audit.report import Comparison, UnderWay
from audit.witnesses import Seen, compare, rewritten_findings

_STATES = ("ACCEPTED", "DEBITED", "CANCELLING", "RETURNING", "COMPLETED", "REFUSED", "RETURNED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the files say of each other."""

    seen: Seen
    comparison: Comparison
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


@dataclass(slots=True)
class _Counts:
    """What is counted while the transfers go by."""

    transfers: int = 0
    three_ways: int = 0
    two_ways: int = 0
    states: Counter[str] = field(default_factory=Counter)
    without_file: Counter[str] = field(default_factory=Counter)
    in_clearing: Counter[str] = field(default_factory=Counter)
    missing_rows: Counter[str] = field(default_factory=Counter)
    missing_credits: Counter[str] = field(default_factory=Counter)
    under_way: list[UnderWay] = field(default_factory=list)


def reconcile_files(files: Files) -> Reconciled:
    """Compare all files with each other, once."""
    seen = compare(files)
    counts = _Counts()
    findings: list[Finding] = []
    for case in cases(files, seen):
        findings += judge(case)
        for bank, position in rewritten(case):
            seen.rewritten.setdefault(bank, []).append(position)
        _count(case, counts)
    clearing = dict(_clearing(files))
    history = (*_incomplete(files, seen, counts), *rewritten_findings(seen.rewritten))
    comparison = Comparison(
        transfers=counts.transfers,
        three_ways=counts.three_ways,
        two_ways=counts.two_ways,
        one_way=counts.transfers - counts.three_ways - counts.two_ways,
        by_state={state: counts.states[state] for state in _STATES if counts.states[state]},
        under_way=tuple(sorted(counts.under_way, key=lambda item: item.since)),
        clearing=tuple((bank, *held) for bank, held in clearing.items()),
    )
    found = (*history, *_unexplained(clearing, counts), *findings)
    return Reconciled(seen, comparison, found, tuple(_not_checked(files, counts)))


def confirmed(first: Reconciled, second: Reconciled) -> Reconciled:
    """The second look, with those of its findings that the first look had too."""
    before = {(finding.kind, finding.where, finding.subject) for finding in first.findings}
    still = (finding for finding in second.findings if (finding.kind, finding.where, finding.subject) in before)
    return replace(second, findings=tuple(still))


def _count(case: Case, counts: _Counts) -> None:
    counts.transfers += 1
    counts.three_ways += case.three_ways
    counts.two_ways += case.ways > 1 and not case.three_ways
    if case.journal:
        counts.states[case.journal.state] += 1
    for bank in {case.first.payer_bank, case.first.payee_bank} - case.heads.keys():
        counts.without_file[bank] += 1
    for bank, row in case.banks.items():
        counts.in_clearing[bank] += row.in_clearing
    if (item := _under_way(case)) is not None:
        counts.under_way.append(item)
    if case.incomplete:
        _count_missing(case, counts)


def _under_way(case: Case) -> UnderWay | None:
    """The payment's money, if it left the payer and is not with the payee as far as the files know."""
    payer = case.banks.get(case.first.payer_bank)
    if payer is None or payer.word != "DEBITED" or case.word(case.first.payee_bank) == "CREDITED":
        return None
    state = case.journal.state if case.journal else ""
    if case.word(case.first.payee_bank) is None and state in FINAL:
        return None
    return UnderWay(
        case.first.transfer_id.hex(),
        case.first.payer_bank,
        case.first.payee_bank,
        case.first.amount,
        case.first.currency,
        state,
        payer.recorded_at,
    )


def _count_missing(case: Case, counts: _Counts) -> None:
    """Outcomes that an incomplete file lacks: others name records of this transfer behind its end."""
    beyond = {named.bank for _, named in claims(case) if (named.record_id or 0) > case.heads.get(named.bank or "", 0)}
    for bank in case.incomplete & beyond:
        counts.missing_rows[bank] += 1
        if bank == case.first.payee_bank and case.journal is not None and case.journal.state == "COMPLETED":
            counts.missing_credits[bank] += case.first.amount


def _incomplete(files: Files, seen: Seen, counts: _Counts) -> Iterator[Finding]:
    for bank, position in sorted(seen.incomplete.items()):
        file = files.banks[bank]
        message = (
            f"INCOMPLETE: {position.witness} saw record {position.record_id:,}, the file ends at {seen.last[bank]:,}; "
            f"an older copy, or copied without {file.path.name}-wal?"
        )
        if rows := counts.missing_rows[bank]:
            credited = money(counts.missing_credits[bank], file.currency)
            message += f" Outcomes are missing of {rows:,} transfers, {credited} of credits among them"
        yield Finding(Kind.BANK_INCOMPLETE, bank, f"record {position.record_id}", message)


def _clearing(files: Files) -> Iterator[tuple[str, tuple[int, str]]]:
    statement = "SELECT coalesce(sum(balance), 0) FROM accounts WHERE kind = 'clearing'"
    for name, bank in sorted(files.banks.items()):
        (balance,) = bank.connection.execute(statement).fetchone()
        yield name, (balance, bank.currency)


def _unexplained(clearing: dict[str, tuple[int, str]], counts: _Counts) -> Iterator[Finding]:
    for bank, (balance, currency) in clearing.items():
        explained = counts.in_clearing[bank]
        if balance != explained:
            message = f"holds {grouped(balance, currency)}; its transfers explain {grouped(explained, currency)}"
            yield Finding(Kind.CLEARING_NOT_EXPLAINED, bank, "account clearing", message)


def _not_checked(files: Files, counts: _Counts) -> Iterator[str]:
    known = set(counts.without_file)
    if files.gateway:
        known |= {row[0] for row in files.gateway.connection.execute("SELECT bank FROM banks")}
    else:
        yield "gateway: no file, so banks were compared with each other alone"
    for bank in sorted(known - files.banks.keys()):
        yield f"{bank}: no file ({counts.without_file[bank]:,} transfers compared without it)"
