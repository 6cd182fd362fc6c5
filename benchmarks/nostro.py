"""The peer nearest to us: hf-nostro, a ledger with idempotency keys for Python on PostgreSQL, called in process. It
lives in an environment of its own in the run's directory, and goes with it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REQUIREMENT = "hf-nostro[postgres]==0.2.0"
HOW_TO_GET_IT = f"pip install '{REQUIREMENT}' must work here"

_CLIENT = Path(__file__).with_name("nostro_client.py")
_SCALE = "2"
_WARM_UP = 1.0
_WITHIN = 120.0


class NoNostro(Exception):
    """It cannot be had here; says why, and what would bring it."""


@dataclass(frozen=True, slots=True)
class Nostro:
    """An environment that has it, and a database that has its tables."""

    directory: Path
    dsn: str

    def payments_per_second(self, threads: int, seconds: float, *, apart: bool = False) -> float:
        """Debits with their credits, by so many threads at once: in one transaction, or `apart` in one each. Raises
        NoNostro."""
        client = [_python(self.directory), "-I", str(_CLIENT), "--dsn", self.dsn, "--scale", _SCALE]
        load = ["--threads", str(threads), "--warm-up", str(_WARM_UP), "--seconds", str(seconds)]
        return rate(_run(self.directory, [*client, *load, *(["--apart"] if apart else [])], _WITHIN + seconds))


def install_nostro(directory: Path, dsn: str) -> Nostro:
    """Make the environment in `directory`, which does not exist yet, and the tables in an empty database. Raises
    NoNostro."""
    directory.mkdir()
    # -I: neither our packages nor what the environment says of Python reach it.
    _run(directory, [sys.executable, "-I", "-m", "venv", str(directory / "env")], _WITHIN)
    pip = [_python(directory), "-I", "-m", "pip", "--disable-pip-version-check", "--require-virtualenv", "install"]
    _run(directory, [*pip, "--quiet", "--no-input", "--only-binary=:all:", REQUIREMENT], _WITHIN)
    migrate = [_python(directory), "-I", "-m", "nostro", "migrate", "--dsn", dsn, "--scale", _SCALE]
    _run(directory, migrate, _WITHIN)
    return Nostro(directory, dsn)


def rate(told: str) -> float:
    """Payments per second, from what the client printed. Raises NoNostro if that is something else."""
    try:
        found = json.loads(told)
        return float(found["payments"] / found["seconds"])
    except (ValueError, KeyError, TypeError, ZeroDivisionError):
        raise NoNostro("its client did not say how fast it was") from None


def _python(directory: Path) -> str:
    return str(directory / "env" / "bin" / "python")


def _run(directory: Path, command: Sequence[str], seconds: float) -> str:
    output, errors = directory / "output", directory / "errors"
    try:
        with output.open("w") as out, errors.open("w") as err:
            done = subprocess.run(  # noqa: S603 (the command is put together by us)
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=seconds, check=False
            )
    except subprocess.TimeoutExpired:
        raise NoNostro(f"it took more than {seconds:.0f} s: {HOW_TO_GET_IT}") from None
    if done.returncode:
        told = (output.read_text() + errors.read_text()).strip().splitlines() or ["it does not say why"]
        raise NoNostro(f"{told[-1]}: {HOW_TO_GET_IT}")
    return output.read_text()
