"""The command `interbank` as a person would use it, against a world in this process; and a line that can be cut."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from clients.cli.__main__ import interbank
from tests.wire import Wire
from tests.world import PASSWORD, Caller, World


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What programs read."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """What programs read of an error, below whatever people were told."""
        return json.loads(self.err[self.err.index("{") :])["error"]


def run(*words: str, stdin: str = "", env: dict[str, str | None] | None = None) -> Ending:
    """Run a command line in this process, without a terminal."""
    result = CliRunner(env=env).invoke(interbank, words, input=stdin, prog_name="interbank")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ending(result.exit_code, result.stdout, result.stderr)


class CommandLine:
    """One profile at a world. `await line("balance")` runs a command beside the servers."""

    def __init__(self, world: World, profile: str = "default", *, gateway: str = "") -> None:
        assert world.gateway is not None
        self.home = world.home
        self.profile = profile
        self.gateway = gateway or world.gateway.address

    async def __call__(self, *words: str, stdin: str = "") -> Ending:
        return await asyncio.to_thread(run, *words, stdin=stdin, env=self.environment)

    def begin(self, *words: str) -> asyncio.Task[Ending]:
        """Run a command in a process of its own, beside others: two of this process would share its stdout."""
        return asyncio.create_task(self._process(*words))

    async def _process(self, *words: str) -> Ending:
        env = {**os.environ, **{name: value for name, value in self.environment.items() if value is not None}}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clients.cli",
            *words,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
        )
        out, err = await process.communicate()
        return Ending(process.returncode or 0, out.decode(), err.decode())

    @property
    def environment(self) -> dict[str, str | None]:
        return {
            "INTERBANK_HOME": str(self.home),
            "INTERBANK_GATEWAY": self.gateway,
            "INTERBANK_PROFILE": self.profile,
            "INTERBANK_CA": None,
            "INTERBANK_OUTPUT": None,
        }

    @property
    def directory(self) -> Path:
        """Where this profile keeps its session and its orders."""
        return self.home / "client" / self.profile

    def saved(self, place: str = "*") -> list[Path]:
        """The files of its saved orders: those in `open` or in `done`, or all."""
        return list(self.directory.glob(f"orders/{place}/*.json"))

    def put(self, path: str, content: str | bytes) -> Path:
        """Write a file below this profile's directory."""
        place = self.directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    async def login(self, who: Caller | str, *, password: str = PASSWORD, bank: str = "") -> "CommandLine":
        username = who if isinstance(who, str) else who.username
        at = ["--bank", bank] if bank else []
        ending = await self("login", "--username", username, *at, "--password-file", "-", stdin=f"{password}\n")
        assert ending.code == 0, ending.err
        return self


class Pair:
    """Alice, with her money at NORTH and at her command line, and bob, with an account at SOUTH."""

    def __init__(self, alice: Caller, bob: Caller, line: CommandLine) -> None:
        self.alice, self.bob, self.line = alice, bob, line

    def order(self, amount: str, *more: str) -> list[str]:
        """A payment of hers to him, as words of the command line."""
        account = str(self.bob.accounts["SOUTH"])
        payee = ["--to-bank", "SOUTH", "--to-account", account, "--to-name", self.bob.username]
        return ["transfer", "--from", "NORTH", *payee, "--amount", amount, *more]

    async def balances(self) -> tuple[int, int]:
        """What she and he have, in cents."""
        return await self.alice.balance("NORTH"), await self.bob.balance("SOUTH")


def the_wire(world: World) -> Wire:
    """What lies between the gateway and its banks."""
    assert world.wire is not None
    return world.wire


def is_watched(world: World, transfer_id: str) -> bool:
    """Whether somebody follows this transfer now."""
    assert world.gateway is not None
    underway = world.gateway.server.gateway.pipeline.find(bytes.fromhex(transfer_id))
    return underway is not None and underway.changed is not None


class Line:
    """A TCP line to the gateway that passes TLS through, and can be cut while something is under way."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.address = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Line"]:
        server = await asyncio.start_server(self._carry, "localhost", 0)
        self.address = f"localhost:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """End every connection at once, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
