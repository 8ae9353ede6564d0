"""A crowd that asks for one cold URL at once: how often its origin is asked, and how late the last one is."""
import os
import subprocess
import time

import machine
from client import HOST, READY
from rounds import alternate, middle, span, table
from servers import BUILT, PRELOADED

DELAY_MS = 500


class Crowd:
    """crowd.c: the clients and their slow origin, which is also a server that one can ask directly."""

    name = "direct"

    def __init__(self, bench):
        self.process = subprocess.Popen(
            ["taskset", "-c", str(bench.cores[1]), BUILT / "crowd", str(DELAY_MS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=PRELOADED)
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, server, path, clients):
        self.process.stdin.write(f"{server.port} {HOST} {path} {clients}\n")
        self.process.stdin.flush()
        pulls, good, middle_us, slowest_us = map(int, self.process.stdout.readline().split())
        return {"pulls": pulls, "good": good, "middle_ms": middle_us / 1e3, "slowest_ms": slowest_us / 1e3}


def measure(bench, crowd, server, clients):
    def foreign_s():
        ours = sum(machine.cpu_s(pid) for pid in {crowd.pid, server.pid, os.getpid()})
        return sum(map(machine.core_busy_s, bench.cores)) - ours

    began, before = time.monotonic(), foreign_s()
    row = crowd.ask(server, f"/slow/{time.time_ns()}", clients)
    return row | {"foreign": max(0.0, foreign_s() - before) / (time.monotonic() - began)}


def bench_collapse(bench, options):
    with Crowd(bench) as crowd:
        bench.origin_port = crowd.port
        names = [name for name in options.servers if name != "direct"]
        with bench.running(names, READY) as servers:
            if "direct" in options.servers:
                servers = [crowd, *servers]
            rows = alternate(
                options.rounds, servers, lambda server: measure(bench, crowd, server, options.clients),
                lambda row: f"{row['pulls']:5} pulls, {row['good']} of {options.clients} right, "
                            f"slowest {row['slowest_ms']:.1f} ms late")
    table(f"{options.clients} clients at once, one cold URL, an origin that takes {DELAY_MS} ms; "
          "milliseconds later than possible",
          ["server", "pulls", "right", "slowest", "min..max", "middle client", "foreign"],
          [(name, span(each, "pulls", "d"), span(each, "good", "d"), f"{middle(each, 'slowest_ms'):.1f}",
            span(each, "slowest_ms", ".1f"), f"{middle(each, 'middle_ms'):.1f}",
            f"{max(row['foreign'] for row in each):.2f}")
           for name, each in sorted(rows.items(), key=lambda item: middle(item[1], "slowest_ms"))])
    return rows
