"""A process of the simulated network: what it is doing ends at once, and without a trace, when it dies."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from lab.simulation.loop import VirtualLoop

_owner: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("owner", default=None)

Trace = Callable[[str, str], None]
"""Takes down what happened: who, and what."""


class Process:
    """Whatever is begun inside it, and by that, belongs to it. `crash_at` is the step at which it dies; a step is
    anything that somebody outside could tell: a message sent or taken, a commit begun or ended."""

    def __init__(self, name: str, trace: Trace, crashed: "Callable[[Process], None]") -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        self.crash_at: int | None = None
        self.gateway: Any = None
        """The product's gateway, once it serves, if this process is one."""
        self._trace = trace
        self._crashed = crashed
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their beginning, so that they end in one

    def spawn(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin something in this process."""
        context = contextvars.copy_context()
        context.run(_owner.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def step(self, what: str) -> bool:
        """Something that can be told from outside is about to happen, or has happened. False if the process died of
        it: then it must not happen, and nobody may be told."""
        if not self.alive:
            return False
        self.steps += 1
        if self.crash_at is not None and self.steps >= self.crash_at:
            self._trace(self.name, f"dies at {what}")
            self.die()
            return False
        return True

    def die(self) -> None:
        """End all of it. What runs sees itself cancelled, and reaches neither disk nor network any more."""
        if self.alive:
            self.alive = False
            for task in list(self._tasks):
                task.cancel()
            self._crashed(self)

    def took(self, task: "asyncio.Task[Any]") -> None:
        """A task was begun in it."""
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        if not self.alive:
            task.cancel()


def own_tasks(loop: VirtualLoop) -> None:
    """Let every task of this loop belong to the process that begins it."""

    def begin(on: asyncio.AbstractEventLoop, work: Any, context: contextvars.Context | None = None) -> Any:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=on, context=context)
        owner = (context or contextvars.copy_context()).get(_owner)
        if owner is not None:
            owner.took(task)
        return task

    loop.set_task_factory(begin)


def wind_up(loop: VirtualLoop, processes: Iterable[Process]) -> None:
    """End the processes and whatever else runs on a loop, and close it."""
    for process in processes:
        process.die()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        # A moment and no more: what waits for what nobody will do is left behind with its loop.
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))
    loop.close()
