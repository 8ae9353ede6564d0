"""What an idle connection keeps in memory."""
import contextlib
import time

import machine
from client import PASS, fetch, h2_begin, h2_fetch


def bench_idle(bench, options):
    rows = {}
    wire = " of HTTP/2" if options.h2 else ""
    print(f"Memory for one of {options.idle} idle keep-alive connections{wire}{' with TLS 1.3' if bench.secure else ''}, "
          "before it asks and after one response:\n\n| server | before | after |\n| --- | --- | --- |")
    for name in options.servers:
        with bench.running(["origin", name], PASS) as servers, contextlib.ExitStack() as stack:
            if len(servers) < 2:
                continue
            server, opened = servers[1], []
            if options.h2:
                bench.tls.set_alpn_protocols(["h2"])
            before = 0

            def measure():
                time.sleep(1)
                return (machine.memory_bytes(server.pid) - before) / options.idle

            def connect(count):
                for _ in range(count):
                    opened.append(stack.enter_context(server.connect()))
                    if options.h2:
                        h2_begin(opened[-1])

            def ask(connections):
                for connection in connections:
                    (h2_fetch if options.h2 else fetch)(connection, PASS)

            # What the first connections cost once (pools, arenas) is not what one more costs.
            connect(options.idle // 10)
            ask(opened)
            before = machine.memory_bytes(server.pid)
            connect(options.idle)
            fresh = measure()
            ask(opened[-options.idle:])
            bench.tls.set_alpn_protocols(["http/1.1"])
            rows[name] = {"before": fresh, "after": measure()}
            print(f"| {name} | {rows[name]['before']:.0f} | {rows[name]['after']:.0f} |", flush=True)
    return rows
