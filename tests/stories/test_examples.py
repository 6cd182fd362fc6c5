"""The demos do what they say, by real processes, and leave nothing running."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(module: str, home: Path) -> str:
    command = [sys.executable, "-m", module, "--home", home]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return ran.stdout


def processes_of(home: Path) -> list[str]:
    """Command lines that name the home."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home) in line:
            lines.append(line)
    return lines


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_the_demo_proves_a_payment_from_nothing_and_leaves_no_process(tmp_path: Path) -> None:
    shown = run("examples.demo", tmp_path / "demo")

    assert "8 of 8 steps passed" in shown
    assert "NORTH owes SOUTH" in shown
    assert "the books do NOT agree" in shown
    assert processes_of(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_standing_orders_arrive_to_the_last_haler_and_move_nothing_a_second_time(tmp_path: Path) -> None:
    first = run("examples.pkdd99.demo", tmp_path / "pkdd99")
    second = run("examples.pkdd99.demo", tmp_path / "pkdd99")

    assert "moved 21228993.60 CZK" in first
    assert "moved 0.00 CZK" in second
    for shown in (first, second):
        assert "the books agree" in shown
        assert "6,471 of 6,471 transfers agree three ways" in shown
