"""What little a response costs more on one server than on another: short loads in turn, and the difference of each two that are
neighbours, so that whatever the machine does befalls both."""
import random
import statistics

import machine
from client import EVENTS, PASS
from loads import h1load_of
from rounds import table

REQUESTS = {"1k": 4000, "100k": 1500, "10m": 40}  # of each load: some hundredths of a second of CPU at least
PAIRS_A_ROUND = 12
DRAWS = 2000


def cost_us(bench, server, content, requests):
    before = machine.run_us(server.pid)
    h1load_of(bench, server, content, f"-n{requests}")
    return (machine.run_us(server.pid) - before) / requests


def pairs_of(bench, servers, content, requests, count):
    """(one, other) of each pair; who comes first alternates."""
    pairs = []
    for number in range(count):
        one, other = servers if number % 2 else reversed(servers)
        costs = {server: cost_us(bench, server, content, requests) for server in (one, other)}
        pairs.append(tuple(costs[server] for server in servers))
    return pairs


def within(values):
    """Between what the median of such values is in 95 of 100 cases, as far as these tell (bootstrap)."""
    medians = sorted(statistics.median(random.choices(values, k=len(values))) for _ in range(DRAWS))
    return medians[DRAWS // 40], medians[-DRAWS // 40 - 1]


def bench_resume(bench, options):
    """With what a body needs that is to be taken up again, and without (docs/unbroken.md)."""
    rows = {}
    with bench.running(["origin", *options.servers], PASS) as (_, *servers):
        for size in options.sizes:
            content, requests = EVENTS[size], REQUESTS[size]
            pairs_of(bench, servers, content, requests, 1)
            rows[size] = pairs = pairs_of(bench, servers, content, requests, PAIRS_A_ROUND * options.rounds)
            more = [100 * (one - other) / other for one, other in pairs]
            least, most = within(more)
            table(f"CPU for one passed-through response of {len(content.body)} bytes, {len(pairs)} pairs of {requests}",
                  [*(f"{server.name}, us" for server in servers), "more", "95 % within"],
                  [(*(f"{statistics.median(costs):.2f}" for costs in zip(*pairs)),
                    f"{statistics.median(more):+.2f} %", f"{least:+.2f} .. {most:+.2f} %")])
    return rows
