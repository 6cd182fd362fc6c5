"""The front door opens onto what is behind it."""

import configparser
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def dry_run(*words: str) -> str:
    command = ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.runtime", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("words", "recipe"),
    [
        (("demo",), "-m examples.demo"),
        (("demo-pkdd99",), "-m examples.pkdd99.demo"),
        (("run",), "interbank up --detach"),
        (("bench",), "-m benchmarks"),
        (("bench-curves",), "-m benchmarks.growth"),
        (("certs",), "-m clients.launcher certificates"),
        (("migrate",), "-m clients.launcher databases"),
        (("payment_gateway",), "-m clients.launcher gateway"),
        (("payment_gateway", "PORT=60051"), "-m clients.launcher gateway --port 60051"),
        (("bank_server",), "-m clients.launcher bank NORTH"),
        (("bank_server", "PORT=60053", "BANK=SOUTH"), "-m clients.launcher bank SOUTH --port 60053"),
        (("run_client",), "-m clients.launcher client"),
    ],
)
def test_each_target_runs_what_it_promises(words: tuple[str, ...], recipe: str) -> None:
    assert dry_run(*words).rstrip().endswith(recipe)


def test_a_port_in_the_environment_is_nobodys_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("BANK", "CANAL")

    assert dry_run("bank_server").rstrip().endswith("bank NORTH")


def test_every_package_is_looked_at_by_the_type_checker() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packages = setup["options.packages.find"]["include"].replace("*", "").split()

    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("PACKAGES ="))

    assert sorted(line.split("=")[1].split()) == sorted(packages)


def test_what_ci_runs_exists_and_is_executable() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
