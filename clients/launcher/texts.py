"""What `up` and `ps` tell people. No input or output."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clients.launcher.demo_accounts import Opened
from clients.launcher.home import Home
from clients.launcher.journal import SUSPENDED
from clients.launcher.network import LOOPBACK, Network, is_loopback, join_address
from clients.launcher.standing import Standing
from clients.launcher.up import Launched
from clients.sdk.records import Bank
from interbank.refusals import Reason, Refused

_ENDS = ("COMPLETED", "RETURNED", "REFUSED", "CANCELLED", SUSPENDED)


def short(path: Path) -> str:
    """A path as people write it: ~/six."""
    user = Path.home()
    return f"~/{path.relative_to(user)}" if path.is_relative_to(user) and path != user else str(path)


def up_lines(
    home: Home, launched: Launched, joined: Sequence[str], seconds: float, ends: Mapping[str, int]
) -> list[str]:
    """What `up` did, what stands now, and what to do next. `joined` are the banks that payments flow to, `ends` what
    became of the payments that were under way, counted by state."""
    network = launched.network
    lines = _new_home(home, launched) if launched.is_new else []
    lines.append(_addresses(network))
    lines.append(f"{_started(launched)}: {len(joined)} of {_count(network.banks, 'bank')} joined in {seconds:.1f} s.")
    lines += [under_way_line(ends)] if ends else []
    lines += _who_can_connect(network, is_new=launched.is_new)
    return lines


def up_row(home: Home, launched: Launched, seen: Mapping[str, Bank], ends: Mapping[str, int]) -> dict[str, Any]:
    """The same for programs."""
    network = launched.network
    return {
        "home": str(home.directory),
        "address": network.customers_address,
        "ca": str(home.authority_certificate),
        "started": list(launched.started),
        "were_under_way": {
            "payments": sum(ends.values()),
            **{state.lower(): ends.get(state, 0) for state in _ENDS},
            "not_final": _not_final(ends),
        },
        "notices": [{"name": notice.name, "message": " ".join(notice.lines)} for notice in launched.notices],
        "banks": [
            {
                "bank": member.bank,
                "currency": member.currency,
                "address": join_address(LOOPBACK, member.port),
                "link": seen[member.bank].link if member.bank in seen else "DOWN",
            }
            for member in network.banks
        ],
    }


def under_way_line(ends: Mapping[str, int]) -> str:
    """What became of the payments that were under way when the network was stopped, or fell."""
    number, left = sum(ends.values()), _not_final(ends)
    told = [f"{ends[state]:,} {state.lower()}" for state in _ENDS if ends.get(state)]
    told += [f"{left:,} not final yet"] if left else []
    were = "was" if number == 1 else "were"
    look = " (interbank admin transfers --in-doubt)" if left or ends.get(SUSPENDED) else ""
    return f"{_number(number, 'payment')} {were} under way: {', '.join(told)}{look}."


def next_lines(home: Home, launched: Launched, *, home_was_named: bool) -> list[str]:
    """The commands that people want after `up`."""
    named = (
        [f"      export INTERBANK_HOME={short(home.directory)}     (so that these find it)"] if home_was_named else []
    )
    if not launched.is_new:
        return named
    example = launched.network.banks[-1].bank
    commands = ("login --username admin", "shell", "ps", f"logs -f {example}", "down")
    return [
        f"Next  {' | '.join(f'interbank {command}' for command in commands)}",
        *named,
        "Save  interbank backup --to DIR     (never cp: the newest entries live in a second file)",
    ]


def demo_line(opened: Iterable[Opened]) -> str:
    """Who may log in to try the network, and how."""
    told = (f"{one.customer.username} {one.bank} {one.account} (password {one.customer.password})" for one in opened)
    return f"Demo  {', '.join(told)}"


def not_joined(network: Network, seen: Mapping[str, Bank], failed: Iterable[str]) -> list[Refused]:
    """Why payments do not flow to a bank whose process runs."""
    found = []
    for member in network.banks:
        bank = seen.get(member.bank)
        if member.bank in failed or (bank and bank.link == "CONNECTED"):
            continue
        cause = bank.cause if bank else "the gateway has not heard of it"
        if bank and bank.link == "QUARANTINED":
            hint = "docs/operate.md, A bank is quarantined"
            found.append(Refused(Reason.BANK_QUARANTINED, f"{member.bank} is quarantined: {cause}", hint=hint))
        else:
            hint = f"see interbank logs {member.bank}"
            found.append(Refused(Reason.BANK_UNAVAILABLE, f"{member.bank} has not joined: {cause}", hint=hint))
    return found


def waiting_lines(standings: Iterable[Standing]) -> list[str]:
    """Which part of the network keeps payments waiting, and what to do about it."""
    lines = []
    for one in standings:
        if one.cause:
            lines.append(f"{one.name}: {one.cause}")
        if one.waiting and one.state != "serving":
            remedy = "interbank up" if one.state == "down" else f"interbank logs {one.name}"
            waits = "waits" if one.waiting == 1 else "wait"
            lines.append(f"{_number(one.waiting, 'payment')} {waits} for {one.name}: {remedy}")
    return lines


def _new_home(home: Home, launched: Launched) -> list[str]:
    number, until = len(launched.network.banks) + 1, launched.certificates_until
    made = f"CA, {number} certificates until {until:%Y-%m-%d}, {number} databases"
    return [f"new home {short(home.directory)}   {made}; remembered in {short(home.network_file)}"]


def _addresses(network: Network) -> str:
    banks = "  ".join(f"{member.bank} :{member.port}" for member in network.banks)
    return f"gateway  {network.customers_address}   {banks}"


def _started(launched: Launched) -> str:
    fresh = [name for name in launched.started if name not in launched.restarted]
    again = [name for name in launched.started if name in launched.restarted]
    if launched.is_new:
        return "ready"
    told = [f"started {' '.join(fresh)}"] if fresh else []
    told += [f"started again with new settings {' '.join(again)}"] if again else []
    return ", ".join(told) or "nothing to start, all of it runs"


def _not_final(ends: Mapping[str, int]) -> int:
    return sum(number for state, number in ends.items() if state not in _ENDS)


def _who_can_connect(network: Network, *, is_new: bool) -> list[str]:
    if not is_loopback(network.listen):
        return [
            f"Customers can connect from other computers at {' '.join((network.customers_listen, *network.names))}."
        ]
    if not is_new:
        return []
    return [
        "Only this computer can connect, because admin's password is still 1234:",
        "  interbank admin password     then   interbank up --listen 0.0.0.0 --name pay.example.org",
    ]


def _count(things: Sequence[object], noun: str) -> str:
    return _number(len(things), noun)


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
