"""What a response costs in CPU time: passed through, and from the cache."""
import re
import subprocess
import time

import machine
from client import HITS, HOST, PASS
from rounds import alternate, middle, span, table
from servers import PRELOADED

LARGE_CONNECTIONS = 8  # for bodies of megabytes: more would measure socket buffers
LARGE_BYTES = 1 << 20


def wrk(bench, server, content, seconds, connections):
    """Runs wrk; requests that were answered, and how many of them wrongly."""
    run = subprocess.run(
        ["taskset", "-c", str(bench.cores[1]), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-H", f"Host: {HOST}", f"http://127.0.0.1:{server.port}{content.path}"],
        capture_output=True, text=True, env=PRELOADED)
    out = run.stdout
    if run.returncode != 0:
        raise SystemExit(f"bench: wrk asked {server.name}: {out}{run.stderr}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return requests, int(wrong[1] if wrong else 0) + sum(map(int, broken.groups() if broken else []))


def measure(bench, server, content, seconds, connections):
    wrk(bench, server, content, 1, connections)  # connections to the origin are warm from here on
    core, pid = bench.cores[0], server.pid
    pulls = bench.pulls()
    cpu, busy, began = machine.cpu_s(pid), machine.core_busy_s(core), time.monotonic()
    requests, errors = wrk(bench, server, content, seconds, connections)
    took = time.monotonic() - began
    cpu, busy = machine.cpu_s(pid) - cpu, machine.core_busy_s(core) - busy
    return {"us": 1e6 * cpu / max(requests, 1), "per_s": requests / took, "busy": cpu / took,
            "foreign": max(0.0, busy - cpu) / took, "errors": errors,
            "pulls": bench.pulls() - pulls - 1}  # asking was one


def compare(bench, options, servers, content, title):
    """One content from all servers: rounds, and a table of them."""
    large = len(content.body) >= LARGE_BYTES
    connections = min(options.connections, LARGE_CONNECTIONS) if large else options.connections

    def tell(row):
        wrong = f" {row['errors']} errors" if row["errors"] else ""
        missed = f" {row['pulls']} pulls" if bench.cached and row["pulls"] else ""
        return f"{row['us']:8.2f} us{wrong}{missed}"

    rows = alternate(options.rounds, servers,
                     lambda server: measure(bench, server, content, options.seconds, connections), tell)
    floor = middle(rows["floor"], "us") if "floor" in rows else None
    table(f"{title}, HTTP/1.1, {connections} warm connections",
          ["server", "us/request", "min..max", "to the floor", "requests/s", "core busy", "foreign"],
          [(name, f"{middle(each, 'us'):.2f}", span(each, "us", ".2f"),
            f"{middle(each, 'us') / floor:.2f}" if floor else "", f"{middle(each, 'per_s'):.0f}",
            f"{middle(each, 'busy'):.2f}", f"{max(row['foreign'] for row in each):.2f}")
           for name, each in sorted(rows.items(), key=lambda item: middle(item[1], "us"))])
    return rows


def bench_pass(bench, options):
    with bench.running(["origin", *options.servers], PASS) as servers:
        return compare(bench, options, servers[1:], PASS, "CPU for one passed-through 1 KB response")


def bench_hit(bench, options):
    rows = {}
    with bench.running(["origin", *options.servers], HITS["1k"]) as servers:
        for size in options.sizes:
            content = HITS[size]
            right = [server for server in servers[1:] if server.is_right(content)]
            title = f"CPU for one cached response of {len(content.body)} bytes"
            rows[size] = compare(bench, options, right, content, title)
    return rows
