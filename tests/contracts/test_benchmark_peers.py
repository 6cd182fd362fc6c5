"""What the figures of peers rest on: outputs rightly read, absences told, environments kept apart."""

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks
from benchmarks import postgres
from benchmarks import workloads as w
from benchmarks.databases import measure_databases, measure_peers
from benchmarks.figures import Figure
from benchmarks.nostro import NoNostro, install_nostro, rate
from benchmarks.plan import FULL
from benchmarks.postgres import NoPostgres, Postgres

SERVER = Postgres(Path("/nowhere"), "pgbench", "psql", None)
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
    assert absent == dict.fromkeys((w.NOSTRO, w.PGBENCH), "no initdb here: apt install postgresql")


def test_a_directory_of_postgresql_that_is_no_version_is_passed_by(tmp_path, monkeypatch):
    for version in ("9.6", "15", "server", "16-old"):
        (tmp_path / version / "bin").mkdir(parents=True)
        program = tmp_path / version / "bin" / "initdb"
        program.touch(0o755)
    monkeypatch.setattr(postgres, "_DEBIAN", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert postgres._find("initdb") == str(tmp_path / "15" / "bin" / "initdb")


def _programs(tmp_path: Path, monkeypatch, **scripts: str) -> Path:
    """PostgreSQL's programs as scripts that write down how they were called, and then do this; and where to run."""
    run, programs, below = tmp_path / "calls", tmp_path / "15" / "bin", tmp_path / "below"
    programs.mkdir(parents=True)
    below.mkdir()
    for name in ("initdb", "pg_ctl", "pgbench", "psql"):
        lines = ["#!/bin/sh", f'echo "{name} $*" >> {run}', scripts.get(name, "echo tps = 100.0")]
        (programs / name).write_text("\n".join(lines) + "\n")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(postgres, "_DEBIAN", str(tmp_path))
    monkeypatch.setattr(postgres, "_unprivileged", lambda: None)
    monkeypatch.setattr(postgres, "_STOPPED_WITHIN", 0.3)
    monkeypatch.setattr(postgres, "_STOP_AGAIN_AFTER", 0.1)
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setattr(postgres, "_find", lambda program: str(programs / program))
    return below


def test_what_was_measured_stands_though_the_server_does_not_stop(tmp_path, monkeypatch):
    below = _programs(tmp_path, monkeypatch, pg_ctl='case "$*" in *stop) exit 1;; esac')
    with postgres.running_postgres(below) as server:
        measured = server.transactions_per_second(1, 1)
    assert measured == 100.0
    assert list(below.iterdir()) == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit])
def test_whoever_interrupts_the_start_has_the_server_stopped_and_nothing_left(tmp_path, monkeypatch, failure):
    below = _programs(tmp_path, monkeypatch)
    run = subprocess.run

    def interrupted(command, **named):
        done = run(command, **named)
        if command[-1] == "start":
            raise failure
        return done

    monkeypatch.setattr(postgres.subprocess, "run", interrupted)
    with pytest.raises(failure), postgres.running_postgres(below):
        pytest.fail("started")
    assert (tmp_path / "calls").read_text().splitlines()[-1].endswith("--wait --mode immediate stop")
    assert list(below.iterdir()) == []


def test_a_directory_in_which_somebody_still_writes_is_removed_all_the_same(tmp_path, monkeypatch):
    below, rmtree, tries = _programs(tmp_path, monkeypatch), shutil.rmtree, []

    def while_somebody_writes(directory, **named):
        rmtree(directory, **named)
        if not tries:
            (directory / "base").mkdir(parents=True)
        tries.append(directory)

    monkeypatch.setattr(postgres.shutil, "rmtree", while_somebody_writes)
    with postgres.running_postgres(below):
        pass
    assert list(below.iterdir()) == []


def test_pgbench_is_warmed_up_at_each_number_of_clients_and_after_its_tables_are_on_the_disk(tmp_path, monkeypatch):
    below = _programs(tmp_path, monkeypatch)
    plan = replace(FULL, nostro=0.0, repeats=2, postgres_clients=(1, 8), postgres=3.0)
    figures, missing = measure_databases(plan, tmp_path, below, [].append)
    assert (figures, missing) == ({w.pgbench(1): Figure((100.0, 100.0)), w.pgbench(8): Figure((100.0, 100.0))}, {})
    calls = (tmp_path / "calls").read_text()
    loads = re.findall(r"^pgbench .* -c (\d+) .* -T (\d+) ", calls, re.MULTILINE)
    assert loads == [("1", "1"), ("1", "3"), ("1", "3"), ("8", "1"), ("8", "3"), ("8", "3")]
    assert re.search(r"^pgbench .* -i .*\npsql .* -c CHECKPOINT .*\npgbench ", calls, re.MULTILINE)


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
