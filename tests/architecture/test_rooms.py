"""The rules of docs/architecture.md, held by tests."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "interbank",
    "bank_service",
    "gateway_service",
    "migrations",
    "audit",
    "clients",
    "certs",
    "benchmarks",
    "lab",
)
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.slow
def test_imports_point_down_and_the_auditor_stands_alone() -> None:
    ran = subprocess.run([Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout


def test_no_float_comes_near_money() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.parts[len(ROOT.parts)] != "benchmarks"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]

    assert found == []


def test_nobody_but_the_engine_factory_and_migrations_creates_an_engine() -> None:
    callers = {path.relative_to(ROOT).as_posix() for path in SOURCES if "create_engine(" in path.read_text()}

    assert callers - {"interbank/storage/engine.py"} <= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "migrations").glob("*.py")
    }


def test_every_public_module_class_and_function_says_what_it_is_for() -> None:
    silent = []
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        if tree.body and ast.get_docstring(tree) is None:
            silent.append(path.relative_to(ROOT).as_posix())
        silent += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ]

    assert silent == []


def test_the_pages_of_the_documentation_exist_where_they_are_linked() -> None:
    pages = (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"))
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []


@pytest.mark.slow
def test_the_wheel_holds_every_package_the_contract_and_the_generated_code(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns(".venv", ".git", "build", "__pycache__", "*.egg-info", "*_pb2*", ".*_cache")
    shutil.copytree(ROOT, source, ignore=ignore)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    subprocess.run(wheel, check=True, capture_output=True, env=environment)

    (built,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(built).namelist())
    for proto in ROOT.glob("protos/v1/*.proto"):
        stem = f"protos/v1/{proto.stem}"
        assert {f"{stem}.proto", f"{stem}_pb2.py", f"{stem}_pb2_grpc.py"} <= names
    expected = {path.relative_to(ROOT).as_posix() for path in SOURCES if path.parts[len(ROOT.parts)] != "benchmarks"}
    assert expected <= names
    assert {"migrations/alembic.ini", "migrations/script.py.mako"} <= names


def test_the_console_scripts_name_functions_that_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")

    for script in setup["options.entry_points"]["console_scripts"].split():
        if ":" in script:
            module, _, function = script.partition(":")
            path = ROOT / f"{module.replace('.', '/')}.py"
            defined = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
            assert function in defined, script
