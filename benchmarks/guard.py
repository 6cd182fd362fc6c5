"""Whether this project became slower than its last measurement says. No input or output."""

from collections.abc import Mapping
from dataclasses import dataclass

ALLOWED = 0.75
"""What must be left of a ratio: less, and it fell by more than a quarter."""

LOWER_IS_BETTER = frozenset({"latency_p50_to_echo"})
GUARDED = (
    "batched_to_echo_64",
    "batched_to_pgbench_32",
    "one_by_one_to_echo_64",
    "one_by_one_to_pgbench_32",
    "latency_p50_to_echo",
    "hot_to_uniform",
    "retried_to_fresh",
)
"""Ours over a peer's of the same minutes, and ours over ours where one should cost what the other does. A percentile of
the slow end is not among them: it differs by more than a quarter from run to run."""


@dataclass(frozen=True, slots=True)
class Change:
    """A ratio as it was and as it is; None where it was not measured."""

    name: str
    before: float | None
    now: float | None

    @property
    def left(self) -> float | None:
        """What is left of it: 1 is all, more is better. None if there is nothing to compare."""
        if not self.before or not self.now:
            return None
        return self.before / self.now if self.name in LOWER_IS_BETTER else self.now / self.before

    @property
    def fell(self) -> bool:
        """Whether it fell by more than a quarter."""
        return self.left is not None and self.left < ALLOWED


def compare(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Change, ...]:
    """Every guarded ratio."""
    return tuple(Change(name, before.get(name), now.get(name)) for name in GUARDED)
