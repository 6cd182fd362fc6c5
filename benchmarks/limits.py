"""How many files a process may have open: every connection of the load is one, and one more at the gateway."""

import resource

_BESIDE_CONNECTIONS = 200
"""What a process of a measurement has open that is no connection: databases, logs, what gRPC needs for itself."""


def raise_open_files() -> None:
    """Let this process, and those that it starts from now on, have as many open as the system allows without asking."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_connections() -> int | None:
    """How many connections a process can hold once it has raised its limit; None where there is no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard - _BESIDE_CONNECTIONS
