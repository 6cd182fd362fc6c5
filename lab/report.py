"""The report of a campaign: what was run, on what, and what came out. No input or output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lab.crashpoints.campaign import Result as CrashPoints
from lab.found import FOUND, FOUND_ROUNDS, Found
from lab.powerloss.campaign import Result as PowerLoss
from lab.processes.campaign import Result as Processes
from lab.simulation.campaign import Campaign as Histories


@dataclass(frozen=True, slots=True)
class Caught:
    """A planted bug: which harness was asked, and after how many of its histories, trials or points it showed; None if
    it did not."""

    bug: str
    harness: str
    after: int | None


@dataclass
class Run:
    """A campaign: each part, how many seconds it took, and at which commits; `points` is how many crash points each
    outcome has."""

    machine: Mapping[str, str | int | float]
    date: str
    command: str
    seeds: str = ""
    histories: Histories = field(default_factory=Histories)
    crash_points: CrashPoints = field(default_factory=CrashPoints)
    points: dict[str, int] = field(default_factory=dict)
    power_loss: PowerLoss = field(default_factory=PowerLoss)
    processes: Processes = field(default_factory=Processes)
    caught: Sequence[Caught] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    commits: dict[str, list[str]] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """What ended wrong, by the words of its harness."""
        harnesses = (self.histories, self.crash_points, self.power_loss, self.processes)
        replays = [replay for harness in harnesses for replay in harness.replays()]
        missed = (f"planted and not found: {one.bug}" for one in self.caught if one.after is None)
        return [*(f"{wrong}; `{command}`" for wrong, command in replays), *missed]


def markdown(run: Run, orders_per_point: int) -> str:
    """The page docs/faults.md."""
    machine = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    lines = [
        "# What the fault lab found",
        "",
        f"Written by `{run.command}` from its own results on {run.date}, at {_commits(run)}, on {machine}.",
        "How the lab works is in [lab.md](lab.md).",
        "",
        *_figures(run, orders_per_point),
        "",
        *_wrong(run),
        "",
        *_faults(run),
        "",
        *_planted(run),
        "",
        *_ever(),
    ]
    return "\n".join(lines) + "\n"


def _commits(run: Run) -> str:
    """One commit for a campaign that ran in one go; otherwise which part ran at which."""
    parts: dict[str, list[str]] = {}
    for part, commits in run.commits.items():
        for commit in commits:
            parts.setdefault(commit, []).append(part)
    if len(parts) == 1:
        return f"commit {next(iter(parts))}"
    return "commits " + ", ".join(f"{commit} ({', '.join(names)})" for commit, names in parts.items())


def _figures(run: Run, orders_per_point: int) -> Iterator[str]:
    histories, crashes, power, processes = run.histories, run.crash_points, run.power_loss, run.processes
    payments = histories.payments + crashes.trials + power.points * orders_per_point + processes.orders
    wrong = len(run.wrong)
    rate = histories.histories / max(run.seconds.get("histories", 0), 1) * 60
    yield from ("| | |", "|---|---|")
    yield f"| histories of the simulation, seeds {run.seeds} | {histories.histories:,}, {rate:,.0f} a minute |"
    yield f"| of which ended wrong | {len(histories.failed)} |"
    yield f"| processes that died in them, banks repaired | {histories.deaths:,}, {histories.repairs:,} |"
    yield f"| orders in them, statements read after an answer | {histories.payments:,}, {histories.looks:,} |"
    yield f"| slowest until all was final, virtual seconds after the last fault | {histories.slowest:.1f} |"
    named = ", ".join(f"{outcome} {count}" for outcome, count in run.points.items())
    yield f"| crash points of real processes ({named}) | {crashes.singles:,} singles, {crashes.pairs:,} pairs |"
    yield f"| SIGKILLs at them, slowest until all was final | {crashes.deaths:,}, {crashes.slowest:.1f} s |"
    yield f"| SIGKILLs of real processes behind proxies at random moments | {processes.kills:,} |"
    yield f"| orders meanwhile, of which in doubt for a while | {processes.orders:,}, {processes.unheard.total():,} |"
    yield f"| slowest until all was final, seconds after the last fault | {processes.slowest:.1f} |"
    yield f"| power losses and failing disks | {power.points:,} points |"
    yield f"| payments acknowledged before them, records told of | {power.acknowledged:,}, {power.answered:,} |"
    yield f"| payments under faults, all together | {payments:,} |"
    yield f"| planted bugs found | {sum(one.after is not None for one in run.caught)} of {len(run.caught)} |"
    yield f"| minutes | {sum(run.seconds.values()) / 60:.0f} |"
    yield f"| **payments lost, made or doubled, answers that changed, or anything else wrong** | **{wrong}** |"


def _wrong(run: Run) -> Iterator[str]:
    yield from ("## What ended wrong", "")
    yield from [f"- {line}" for line in run.wrong] or ["Nothing."]


def _faults(run: Run) -> Iterator[str]:
    yield from ("## Which faults", "", "| fault | in how many histories |", "|---|---|")
    for name, count in sorted((run.histories.faults + run.power_loss.faults).items()):
        yield f"| {name} | {count:,} |"
    yield from ("", "| fault of real processes and their links | how often |", "|---|---|")
    for name, count in sorted(run.processes.faults.items()):
        yield f"| {name} | {count:,} |"


def _planted(run: Run) -> Iterator[str]:
    yield from ("## Planted bugs", "", "| bug | found by | after |", "|---|---|---|")
    for one in run.caught:
        yield f"| {one.bug} | {one.harness} | {one.after if one.after is not None else 'not found'} |"


def _ever() -> Iterator[str]:
    yield from ("## Everything that ever ended wrong", "")
    yield "Numbers are those of the plans of that time; a change to how plans are drawn gives a seed another history."
    yield from ("", *_table("history", FOUND), "", *_table("round of real processes", FOUND_ROUNDS))


def _table(name: str, found: Sequence[Found]) -> Iterator[str]:
    yield from (f"| {name} | what was wrong | mended |", "|---|---|---|")
    for one in found:
        yield f"| {one.seed} | {one.wrong} | {one.mended} |"
