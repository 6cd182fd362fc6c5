"""What the fault lab did in a run of the tests is printed at its end."""

from collections import Counter
from collections.abc import Callable

import pytest
from _pytest.terminal import TerminalReporter

Figures = dict[str, int]
"""How much of what: "SIGKILLs" to 100."""

_NAME = "figures"


@pytest.fixture
def tell(record_property: Callable[[str, Figures], None]) -> Callable[[Figures], None]:
    """Add these figures to those of the run."""
    return lambda figures: record_property(_NAME, figures)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the sums. A test that failed has told what it did until then."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, figures in getattr(report, "user_properties", ()):
                if name == _NAME and report.when == "call":
                    sums.update(figures)
    if sums:
        terminalreporter.section("what the fault lab did")
        for label, count in sums.items():
            terminalreporter.write_line(f"{count:>10,}  {label}")
        if not {"failed", "error"} & terminalreporter.stats.keys():
            terminalreporter.write_line(f"{0:>10,}  minor units lost, made or moved twice")
