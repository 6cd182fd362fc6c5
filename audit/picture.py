"""A transfer drawn as its messages went, from the rows alone: who was asked, what was written down, who answered what.

Only what was written down can be drawn: how often a bank was asked again stands in no ledger.
"""

from audit.trail import Step, Trail

_STORED = "●"
_LEFT, _GAP = 4, 20
_DECISIVE = {"CREDITED": "◄ decided here, for ever", "BOOKED": "◄ decided here, for ever"}
_NAMES = {
    "DEBIT": "Debit",
    "CREDIT": "Credit",
    "BOOK_TRANSFER": "BookTransfer",
    "CANCEL_CREDIT": "CancelCredit",
    "RETURN_DEBIT": "ReturnDebit",
    "SETTLE": "Settle",
    "DEPOSIT": "Deposit",
    "WITHDRAW": "Withdraw",
    "ADD_MONEY": "AddMoney",
    "COVER_SHORTFALL": "CoverShortfall",
}


def draw(trail: Trail) -> list[str]:
    """The lines of the picture: a column for the client, one for the gateway, one for each bank that wrote a row."""
    banks = list(dict.fromkeys(step.where for step in trail.steps if step.where != "gateway"))
    lanes = _Lanes(["client", "gateway", *banks], _width(trail))
    lines = [lanes.heading()]
    for step in trail.steps:
        lines += _messages(lanes, step)
    return [line.rstrip() for line in lines]


def _width(trail: Trail) -> int:
    """Room between two columns for the longest note and the longest message."""
    notes = [len(_note(step)) + 4 for step in trail.steps if step.where != "gateway"]
    return max(_GAP, *notes, *(len(_message(step)) + 8 for step in trail.steps))


def _messages(lanes: "_Lanes", step: Step) -> list[str]:
    if step.where != "gateway":
        asked = lanes.arrow("gateway", step.where, _NAMES[step.asked], note=_note(step))
        return [asked, lanes.arrow(step.where, "gateway", step.what, note=_DECISIVE.get(step.what, ""))]
    if step.what == "ACCEPTED":
        return [lanes.arrow("client", "gateway", "order, key", note=f"ACCEPTED {_STORED}")]
    return [lanes.arrow("gateway", "client", _message(step))]


def _message(step: Step) -> str:
    """What is told onwards: an outcome, or that it is not final yet."""
    return step.what if step.at else f"pending: {step.what}"


def _note(step: Step) -> str:
    """What a bank wrote down: from which account to which, or that it remembers its no."""
    if len(step.movements) == 2:
        return f"{step.movements[0].account} → {step.movements[1].account} {_STORED}"
    return f"{step.reason or step.what} {_STORED}"


class _Lanes:
    """Columns with names, and arrows between them."""

    def __init__(self, names: list[str], gap: int) -> None:
        self._at = {name: _LEFT + place * gap for place, name in enumerate(names)}

    def heading(self) -> str:
        """The names, each above its column."""
        line = ""
        for name, at in self._at.items():
            line = line.ljust(max(at - len(name) // 2, 0)) + name
        return line

    def arrow(self, sender: str, receiver: str, label: str, note: str = "") -> str:
        """A message from one column to another, with a note to the right of the bank's or the gateway's column."""
        start, end = sorted((self._at[sender], self._at[receiver]))
        cells = [" "] * (max(self._at.values()) + 1)
        cells[start:end] = "─" * (end - start)
        for at in self._at.values():
            cells[at] = "┼" if start < at < end else "│"
        rightwards = self._at[sender] < self._at[receiver]
        if rightwards:
            cells[start], cells[end - 1] = "├", "►"
            label_at = start + 4
        else:
            cells[end], cells[start + 1] = "┤", "◄"
            label_at = end - 3 - len(label)
        cells[label_at - 1 : label_at + len(label) + 1] = f" {label} "
        line = "".join(cells)
        beside = f" {note} " if note else ""
        return line[: end + 1] + beside + line[end + 1 + len(beside) :]
