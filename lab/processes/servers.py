"""One process of the network: started as an operator's launcher would, and killed, paused or ended at any moment."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LAST_WORDS = 400
"""Characters of a process's log that are shown when it ended by itself."""


class Server:
    """A gateway or a bank that may be started any number of times. `announced` is told what each start says when it is
    ready: where it listens. `failures` say how it ended each time that nobody had told it to."""

    def __init__(self, name: str, module: str, log: Path, announced: Callable[[Mapping[str, str]], None]) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.starts = 0
        self._module = module
        self._log = log
        self._announced = announced
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._ended.set()
        self._told_to_end = False
        self._alone = asyncio.Lock()
        self.failures: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether there is a process, ready or not, paused or not."""
        return not self._ended.is_set()

    @property
    def pid(self) -> int:
        """Of the process that is alive, or of the last one."""
        assert self._process is not None  # noqa: S101  it was started
        return self._process.pid

    async def start(self, arguments: Sequence[str]) -> None:
        """Start it unless it is alive; `ready` is set when it serves."""
        async with self._alone:
            if not self.alive:
                await self._start(arguments)

    async def _start(self, arguments: Sequence[str]) -> None:
        self._ended.clear()
        self._told_to_end = False
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", self._module, *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log,
                umask=0o077,
            )  # fmt: skip
        self._watching = asyncio.create_task(self._watch(self._process))

    async def kill(self) -> bool:
        """SIGKILL, and wait until it is gone; whether there was anything to kill."""
        return await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, as an operator stops it, and wait until it has ended."""
        await self._end(signal.SIGTERM)

    def pause(self) -> bool:
        """SIGSTOP; whether there was anything to pause."""
        return self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    async def ended(self) -> None:
        """Wait until there is no process."""
        await self._ended.wait()

    async def _end(self, number: signal.Signals) -> bool:
        async with self._alone:
            self._told_to_end = True
            return self._send(number) and await self._ended.wait()

    def _send(self, number: signal.Signals) -> bool:
        if not self.alive or self._process is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return True

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        line = await process.stdout.readline()
        if line.endswith(b"\n"):
            self._announced(json.loads(line))
            self.ready.set()
        await process.wait()
        self.ready.clear()
        if not self._told_to_end:
            words = self._log.read_bytes()[-_LAST_WORDS:].decode(errors="replace")
            self.failures.append(f"{self.name} ended by itself with {process.returncode}: {words}")
        self._ended.set()
