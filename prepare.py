"""Makes the virtual environment, installs what the project needs, and generates the code of the contract.

Called by the Makefile as `python3 prepare.py runtime` or `python3 prepare.py development`, with whatever Python there
is: until the version is known to be good, nothing here may need a new one. Several may run at once; they take turns.
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterable  # noqa: UP035 (older Pythons must get as far as the check)

OLDEST = (3, 11)
HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"
PACKAGING = [HERE / name for name in ("prepare.py", "setup.cfg", "pyproject.toml", "setup.py")]
EXTRAS = {"runtime": "", "development": "[dev]"}


def main(kind: str) -> None:
    check_python()
    if kind == "development":
        check_openssl()
    VENV.mkdir(exist_ok=True)
    with (VENV / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(kind)


def check_python() -> None:
    if sys.version_info[:2] < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        refuse(
            f"this is Python {found}, and 3.11 or newer is needed",
            "install one and name it, for example: make PYTHON=python3.12",
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        refuse(
            "this Python cannot make virtual environments",
            f"Debian and Ubuntu: apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv",
        )


def check_openssl() -> None:
    if shutil.which("openssl") is None:
        refuse(
            "no openssl here, and the tests run the recipe for certificates made by hand",
            "apt install openssl, dnf install openssl, or brew install openssl",
        )


def prepare(kind: str) -> None:
    contract = sorted((HERE / "protos" / "v1").glob("*.proto"))
    installed, compiled = VENV / (".installed-" + kind), VENV / ".protos"
    if is_older(installed, PACKAGING):
        say(f"virtual environment and packages ({kind}), once: .venv")
        install(kind)
        for done in EXTRAS if kind == "development" else [kind]:
            (VENV / (".installed-" + done)).touch()
        compiled.touch()  # an editable install generates the code
    if is_older(compiled, contract):
        say("generated code: protos/v1")
        run([PYTHON, "setup.py", "protos"], "the contract does not compile")
        compiled.touch()
    (VENV / ("." + kind)).touch()


def install(kind: str) -> None:
    if not (VENV / "bin" / "pip").exists():
        run([sys.executable, "-m", "venv", VENV], "the virtual environment could not be made")
    import tomllib

    build = tomllib.loads((HERE / "pyproject.toml").read_text())["build-system"]["requires"]
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    failed = "the packages could not be installed; is the package index reachable?"
    # The build's own tools come first and stay, so that the contract can be compiled again without the network.
    run([*pip, *build], failed)
    run([*pip, "--no-build-isolation", "--editable", "." + EXTRAS[kind]], failed)


def is_older(stamp: Path, sources: Iterable) -> bool:
    return not stamp.exists() or any(path.stat().st_mtime > stamp.stat().st_mtime for path in sources)


def run(command: Iterable, failed: str) -> None:
    if subprocess.call([str(word) for word in command], cwd=str(HERE)):  # noqa: S603 (commands of our own)
        refuse(failed, "the reason stands above")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def refuse(message: str, remedy: str) -> None:
    sys.exit(f"error: {message}\n{remedy}")


if __name__ == "__main__":
    main(sys.argv[1])
