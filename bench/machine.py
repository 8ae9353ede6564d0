"""Reads /proc: what a process tree took of a core and of memory, and who else was there."""
import contextlib
import os
import pathlib
import re
import socket

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """A process and all its descendants."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                children = pathlib.Path(f"/proc/{parent}/task/{task}/children").read_text()
                pids += [int(child) for child in children.split()]
    return pids


def cpu_s(pid):
    """User and system time of the tree, with that of children that have ended."""
    ticks = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def run_us(pid):
    """The same to less than a tick: time that threads which still run have run, as the scheduler counts it."""
    every = (path.read_text() for each in tree(pid) for path in pathlib.Path(f"/proc/{each}/task").glob("*/schedstat"))
    return sum(int(text.split()[0]) for text in every) / 1000


def core_busy_s(core):
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + irq + softirq + steal) / TICKS
    raise SystemExit(f"bench: there is no core {core}")


def memory_bytes(pid):
    """Anonymous and shared memory of the tree; files that are mapped do not count."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            status = pathlib.Path(f"/proc/{each}/status").read_text()
            total += sum(int(kib) * 1024 for kib in re.findall(r"Rss(?:Anon|Shmem):\s+(\d+)", status))
    return total


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
