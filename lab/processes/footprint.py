"""What a process takes of its computer, as Linux says it."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Footprint:
    """Resident memory in MB (10^6 bytes), open descriptors, and threads."""

    memory: float
    descriptors: int
    threads: int


SLACK = Footprint(50.0, 10, 5)
"""By how much more than at the beginning is still about the same. A connection that one end was never told of may stand
for 40 seconds, until it is asked whether it lives."""


def footprints(pids: Mapping[str, int]) -> dict[str, Footprint]:
    """Of processes that live, by name; none where the system does not tell."""
    return {name: _footprint(pid) for name, pid in pids.items()} if sys.platform == "linux" else {}


def grown(before: Mapping[str, Footprint], after: Mapping[str, Footprint]) -> Iterator[str]:
    """Who takes more than before, and of what."""
    for name, now in after.items():
        then = before[name]
        if now.memory > then.memory + SLACK.memory:
            yield f"{name} holds {now.memory:.0f} MB, at the beginning {then.memory:.0f}"
        if now.descriptors > then.descriptors + SLACK.descriptors:
            yield f"{name} has {now.descriptors} descriptors open, at the beginning {then.descriptors}"
        if now.threads > then.threads + SLACK.threads:
            yield f"{name} has {now.threads} threads, at the beginning {then.threads}"


def _footprint(pid: int) -> Footprint:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    said = dict(line.split(":", 1) for line in status.splitlines())
    memory = int(said["VmRSS"].split()[0]) * 1024 / 1_000_000
    return Footprint(memory, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()), int(said["Threads"]))
