"""What Linux says of processes: the memory they take and the time they used."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields of /proc/PID/stat after the name, see proc_pid_stat(5)


def pss_mb(pid: int) -> float:
    """Proportional set size in MB (10^6 bytes): private memory, and a fair part of what is shared."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1_000_000
    raise LookupError(f"no Pss of process {pid}")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used since it started, in user and kernel mode."""
    # The name stands in brackets and may hold anything, brackets too.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_SECOND


def busy_seconds() -> float:
    """Processor time that everything on this computer has used, over all cores, since it started; and what a virtual
    machine was kept waiting for (steal)."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND
