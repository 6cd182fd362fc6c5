"""What the figures of peers rest on: outputs rightly read, absences told, environments kept apart."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks import postgres, workloads
from benchmarks.databases import measure_databases, measure_peers
from benchmarks.figures import Figure
from benchmarks.nostro import NoNostro, install_nostro, rate
from benchmarks.plan import FULL
from benchmarks.postgres import NoPostgres, Postgres

SERVER = Postgres(Path("/nowhere"), "pgbench", None)
INSTALLED_WITH_IT = {"nostro", "psycopg_pool"}


def test_the_rate_of_hf_nostro_is_payments_by_seconds():
    assert rate('{"payments": 300, "seconds": 1.5}\n') == 200.0


@pytest.mark.parametrize("told", ["", "300", "{}", '{"payments": 300}', '{"payments": 1, "seconds": 0}', "no server"])
def test_whatever_else_its_client_says_is_no_figure(told):
    with pytest.raises(NoNostro, match="did not say how fast"):
        rate(told)


@pytest.mark.parametrize("absence", [NoNostro, NoPostgres])
def test_a_peer_that_is_missing_is_told_and_the_next_is_measured(absence):
    def missing(_server: Postgres) -> dict[str, Figure]:
        raise absence("no network: pip install it")

    said = []
    there = {"two_per_s": Figure((2.0,))}
    figures, absent = measure_peers({"one": missing, "two": lambda _: there}, SERVER, said.append)
    assert figures == there
    assert absent == {"one": "no network: pip install it"}
    assert said == ["one", "no one: no network: pip install it", "two"]


def test_without_postgresql_both_that_keep_their_books_in_it_are_missing_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "_DEBIAN", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    figures, absent = measure_databases(FULL, tmp_path, tmp_path, [].append)
    assert figures == {}
    assert absent == dict.fromkeys((workloads.NOSTRO, workloads.PGBENCH), "no initdb here: apt install postgresql")


def test_the_client_of_hf_nostro_imports_nothing_of_ours():
    tree = ast.parse((Path(benchmarks.__file__).parent / "nostro_client.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "nostro" in imported
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == INSTALLED_WITH_IT


@pytest.mark.slow
def test_hf_nostro_that_cannot_be_installed_is_told_with_the_command_and_its_environment_has_nothing_of_ours(
    tmp_path, monkeypatch
):
    (tmp_path / "no packages").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "no packages"))
    with pytest.raises(NoNostro, match=r"No matching distribution .*: pip install 'hf-nostro\[postgres\]==0.2.0' must"):
        install_nostro(tmp_path / "nostro", "host=/nowhere")
    asked = "import sys, importlib.util as u; print(sys.prefix, u.find_spec('grpc'), u.find_spec('interbank'))"
    python = tmp_path / "nostro" / "env" / "bin" / "python"
    told = subprocess.run([python, "-I", "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(tmp_path / "nostro" / "env"), "None", "None"]
