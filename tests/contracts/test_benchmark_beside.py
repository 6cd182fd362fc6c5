"""Two checkouts beside each other: what a change is worth."""

import sys
from pathlib import Path

import pytest

from benchmarks.beside import __main__ as command
from benchmarks.beside.measuring import Plan, measure
from benchmarks.beside.report import table
from benchmarks.failures import RunFailed
from benchmarks.figures import Run

OURS = Path(command.__file__).parents[2]


def _run(per_second: float) -> Run:
    return Run(100, per_second, 1.0, 2.0, None, 3.0, 0.0)


def _told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["beside", *words])
    code = command.main()
    return code, capsys.readouterr().err


def test_a_change_is_worth_what_it_was_in_the_middle_turn_and_not_what_the_middle_rates_say():
    # Rates of 100, 200 and 400: the computer became faster, and the change was worth a fifth in two turns of three.
    runs = {"batched": {"there": [_run(100), _run(200), _run(400)], "here": [_run(120), _run(100), _run(480)]}}
    shown = table(runs, title="here beside there")
    rows = list(zip(*(column.cells for column in shown.columns), strict=True))
    assert rows[0] == ("batched", "payments/s", "200", "120", "1.20", "0.50", "1.20")
    assert rows[1] == ("batched", "µs of processor each", "3.00", "3.00", "1.00", "1.00", "1.00")
    assert len(rows) == 2  # the time of a call is not that of a payment


def test_a_checkout_that_was_not_compiled_is_told_at_once(monkeypatch, capsys, tmp_path):
    code, said = _told(monkeypatch, capsys, str(tmp_path), "--directory", str(tmp_path))
    assert code == 1
    assert f"{tmp_path} is no checkout that was compiled\nhint: make -C {tmp_path} compile" in said


@pytest.mark.parametrize("words", [("--turns", "0"), ("--seconds", "2.5"), ("--only", "nothing")])
def test_what_cannot_be_measured_is_a_typing_error(monkeypatch, capsys, words):
    with pytest.raises(SystemExit) as ended:
        _told(monkeypatch, capsys, str(OURS), *words)
    assert ended.value.code == 2


def test_a_checkout_that_would_run_the_code_of_another_one_is_told_at_once(monkeypatch, capsys, tmp_path):
    (tmp_path / ".venv").symlink_to(OURS / ".venv")
    code, said = _told(monkeypatch, capsys, str(tmp_path), "--directory", str(tmp_path))
    assert code == 1
    assert f"{tmp_path} would run the code of another checkout" in said


def test_a_checkout_whose_network_does_not_start_leaves_no_figure(tmp_path):
    broken = tmp_path / "broken"
    (broken / ".venv" / "bin").mkdir(parents=True)
    (broken / ".venv" / "bin" / "interbank").write_text("#!/bin/sh\necho no port is free >&2\nexit 1\n")
    (broken / ".venv" / "bin" / "interbank").chmod(0o755)
    plan = Plan(["batched"], turns=1, seconds=1)
    with pytest.raises(RunFailed, match="interbank up: no port is free"):
        measure({"there": broken, "here": broken}, plan, tmp_path, lambda _: None)


@pytest.mark.slow
def test_both_are_paid_through_in_every_turn_and_audited_in_the_end(tmp_path):
    said: list[str] = []
    plan = Plan(["batched", "one_client"], turns=2, seconds=0.3, warm_up=0.3)
    runs = measure({"there": OURS, "here": OURS}, plan, tmp_path, said.append)
    assert {workload: {label: len(some) for label, some in found.items()} for workload, found in runs.items()} == {
        "batched": {"there": 2, "here": 2},
        "one_client": {"there": 2, "here": 2},
    }
    assert all(run.per_second > 0 for found in runs.values() for some in found.values() for run in some)
    paid = [line.partition(":")[0] for line in said if ": batched, " in line]
    assert paid == ["there", "here", "here", "there"]
    assert [line.partition(":")[0] for line in said if "records are right" in line] == ["there", "here"]
