"""What a response costs in CPU time: passed through, from the cache, and over TLS."""
import time

import machine
from client import HITS, PASS
from loads import LARGE_BYTES, LARGE_CONNECTIONS, H2load, Handshakes, Wrk
from rounds import alternate, middle, ratio, span, table


def measure(bench, server, load, seconds):
    load(bench, server, 1)  # connections to the origin are warm from here on
    core, pid = bench.cores[0], server.pid
    pulls = bench.pulls()
    cpu, busy, began = machine.cpu_s(pid), machine.core_busy_s(core), time.monotonic()
    requests, errors = load(bench, server, seconds)
    took = time.monotonic() - began
    cpu, busy = machine.cpu_s(pid) - cpu, machine.core_busy_s(core) - busy
    return {"us": 1e6 * cpu / max(requests, 1), "per_s": requests / took, "busy": cpu / took,
            "foreign": max(0.0, busy - cpu) / took, "errors": errors,
            "pulls": bench.pulls() - pulls - 1}  # asking was one


def compare(bench, options, servers, load, title):
    """One load for all servers: rounds, and a table of them."""

    def tell(row):
        wrong = f" {row['errors']} errors" if row["errors"] else ""
        missed = f" {row['pulls']} pulls" if bench.cached and row["pulls"] else ""
        return f"{row['us']:8.2f} us{wrong}{missed}"

    rows = alternate(options.rounds, servers,
                     lambda server: measure(bench, server, load, options.seconds), tell)
    floor = rows.get("floor")
    table(f"{title}, {load.says}",
          ["server", "us/request", "min..max", "to the floor", "requests/s", "core busy", "foreign"],
          [(name, f"{middle(each, 'us'):.2f}", span(each, "us", ".2f"),
            f"{ratio(each, floor, 'us'):.2f}" if floor else "", f"{middle(each, 'per_s'):.0f}",
            f"{middle(each, 'busy'):.2f}", f"{max(row['foreign'] for row in each):.2f}")
           for name, each in sorted(rows.items(), key=lambda item: middle(item[1], "us"))])
    return rows


def wrk(options, content):
    large = len(content.body) >= LARGE_BYTES
    return Wrk(content, min(options.connections, LARGE_CONNECTIONS) if large else options.connections)


def bench_pass(bench, options):
    with bench.running(["origin", *options.servers], PASS) as servers:
        return compare(bench, options, servers[1:], wrk(options, PASS), "CPU for one passed-through 1 KB response")


def bench_sizes(bench, options, load_of):
    rows = {}
    with bench.running(["origin", *options.servers], HITS["1k"]) as servers:
        for size in options.sizes:
            content = HITS[size]
            right = [server for server in servers[1:] if server.is_right(content)]
            title = f"CPU for one cached response of {len(content.body)} bytes{' by TLS 1.3' if bench.secure else ''}"
            rows[size] = compare(bench, options, right, load_of(content), title)
    return rows


def bench_hit(bench, options):
    return bench_sizes(bench, options, lambda content: wrk(options, content))


def bench_h2(bench, options):
    return bench_sizes(bench, options, H2load)


def bench_handshake(bench, options):
    with bench.running(["origin", *options.servers], HITS["1k"]) as servers:
        return {kind: compare(bench, options, servers[1:], Handshakes(HITS["1k"], is_resuming=kind == "resumed"),
                              f"CPU for one {kind} handshake and a cached response of 1 KB")
                for kind in ("full", "resumed")}
