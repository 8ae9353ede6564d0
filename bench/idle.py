"""What an idle connection keeps in memory."""
import contextlib
import time

import machine
from client import PASS, fetch


def bench_idle(bench, options):
    rows = {}
    print(f"Memory for one of {options.idle} idle keep-alive connections{' with TLS 1.3' if bench.secure else ''}, each after one response:\n")
    print("| server | bytes |\n| --- | --- |")
    for name in options.servers:
        with bench.running(["origin", name], PASS) as servers, contextlib.ExitStack() as connections:
            if len(servers) < 2:
                continue
            server = servers[1]

            def connect(count):
                for _ in range(count):
                    fetch(connections.enter_context(server.connect()), PASS)

            # What the first connections cost once (pools, arenas) is not what one more costs.
            connect(options.idle // 10)
            before = machine.memory_bytes(server.pid)
            connect(options.idle)
            time.sleep(1)
            rows[name] = (machine.memory_bytes(server.pid) - before) / options.idle
            print(f"| {name} | {rows[name]:.0f} |", flush=True)
    return rows
