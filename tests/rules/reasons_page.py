"""Writes docs/reasons.md from the table of reasons; a test holds the two equal."""

from itertools import groupby
from pathlib import Path

from interbank.refusals import EXIT_CODES, Kind, Reason

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"

_HEADINGS = {
    Kind.REFUSED: "A rule of the books forbids it",
    Kind.NOT_FOUND: "It does not exist, or it is none of the caller's business",
    Kind.TAKEN: "Something else stands in its place",
    Kind.MALFORMED: "The request cannot be meant",
    Kind.UNAUTHENTICATED: "Nobody knows who asks",
    Kind.NOT_ALLOWED: "The caller is known and may not",
    Kind.UNAVAILABLE: "Not now: a part of the network is down",
    Kind.BUSY: "Not now: too much at once",
    Kind.IN_PROGRESS: "Not now: the same thing is under way",
    Kind.UNKNOWN: "It was asked for, and nobody knows yet whether it was done",
    Kind.BROKEN: "A fault of ours, or of the disk",
}

_LEAD = """\
# Reasons

Every way in which the network says no. The name is the same everywhere: `google.rpc.ErrorInfo.reason` (domain
`interbank`), `Outcome.reason`, the column `reason`, the message on the screen. Beside it stands the ISO 20022 external
status reason code where one fits. The kind decides the gRPC status and the exit code of a command.

A reason that comes as a gRPC status says that the request was not carried out. What became of a payment is said only by
its state: REFUSED and RETURNED carry one of these reasons too.

This page is written by `python tests/rules/reasons_page.py` from `interbank/refusals.py`; a test holds the two equal.
"""


def render() -> str:
    """The page, kind by kind, in the order of the table."""
    kinds = list(Kind)
    reasons = sorted(Reason, key=lambda reason: kinds.index(reason.kind))
    sections = [_section(kind, list(found)) for kind, found in groupby(reasons, key=lambda reason: reason.kind)]
    return "\n".join([_LEAD, *sections])


def _section(kind: Kind, reasons: list[Reason]) -> str:
    rows = [f"| `{reason.name}` | {reason.iso_code} | {reason.meaning} |" for reason in reasons]
    return "\n".join(
        [
            f"## {_HEADINGS[kind]}",
            "",
            f"gRPC `{kind.value}`, exit code {EXIT_CODES[kind]}.",
            "",
            "| reason | ISO 20022 | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(render())
