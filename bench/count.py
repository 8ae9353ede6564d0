"""Instructions in user space of a response, cached and by HTTP/2 or passed through, counted by callgrind: they repeat to a
few in a thousand, on a machine that is busy as well, and tell where they go."""
import collections
import re
import shutil
import signal
import subprocess
import time

import machine
from client import EVENTS, HITS, PASS
from loads import H2_CONNECTIONS, H2_STREAMS, h1load_of, h2load_of
from servers import PRELOADED, Server

BASE_REQUESTS, LARGE_REQUESTS = 4096, 40
START_TIMEOUT_S, STOP_TIMEOUT_S = 60, 60


class Counted(Server):
    """An edge of one worker under callgrind, which counts nothing until it is told to."""

    def __init__(self, bench, name, libraries):
        port = machine.free_port()
        program, _, *flags = bench.command(name, port)
        self.out = bench.folder / "callgrind.out"
        with_libraries = ["env", f"LD_LIBRARY_PATH={libraries}"] if libraries else []
        super().__init__(bench, name, [
            *with_libraries, "valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.out}",
            program, "edge", *flags], port)

    def control(self, what):
        subprocess.run(["callgrind_control", what, str(self.pid)], check=True, capture_output=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_TIMEOUT_S)
        self.log.close()


def read(dumped):
    """What a dump has: {(object, function): instructions}."""
    listed = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", "--show-percs=no", dumped],
                            capture_output=True, text=True, check=True).stdout
    counts = collections.Counter()
    for number, name, where in re.findall(r"^\s*([\d,]+)\s+\S*?:(\S.*?) \[(.*)\]$", listed, re.M):
        counts[where.rpartition("/")[2], name] += int(number.replace(",", ""))
    return counts


def count(bench, name, content, load, requests, options):
    """The same of so many requests, and what the load says. Counted is a load that is larger than another one by them, less
    that: connections begin in both."""
    server = Counted(bench, name, options.libraries)
    base = min(BASE_REQUESTS, requests)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.is_right(content):
            if time.monotonic() > deadline:
                raise SystemExit("bench: no answer under callgrind")
        load(bench, server, content, f"-n{base}")
        server.control("--instr=on")
        load(bench, server, content, f"-n{base}")
        server.control("--dump")
        said = load(bench, server, content, f"-n{base + requests}")
        server.control("--dump")
        server.control("--instr=off")
    finally:
        server.stop()
    if options.keep:
        shutil.copy(f"{server.out}.2", options.keep)
    counts = read(f"{server.out}.2")
    counts.subtract(read(f"{server.out}.1"))
    return counts, said


def by_object(counts):
    objects = collections.Counter()
    for (where, _), number in counts.items():
        objects[where] += number
    return objects


def bench_count(bench, options):
    content = HITS["1k"]
    with bench.running(["origin"], content):
        counts, said = count(bench, "headwater", content, h2load_of, options.requests, options)
    objects = by_object(counts)
    each = 1 / options.requests
    print(f"Instructions in user space for one cached 1 KB response by HTTP/2 and TLS 1.3, {H2_CONNECTIONS} connections of "
          f"{H2_STREAMS} streams:\n\n| where | instructions |\n| --- | --- |")
    for where, number in objects.most_common():
        if number * each >= 1:
            print(f"| {where} | {number * each:.0f} |")
    print(f"| in all | {sum(objects.values()) * each:.0f} |\n\n| function | where | instructions |\n| --- | --- | --- |")
    for (where, name), number in counts.most_common(options.functions):
        print(f"| {name} | {where} | {number * each:.0f} |")
    print(re.search(r"traffic:.*", said)[0])
    return {"requests": options.requests, "objects": objects}


def bench_count_resume(bench, options):
    """Of what passes through: all of it, and where the first server differs from the others."""
    rows = {}
    with bench.running(["origin"], PASS):
        for size in options.sizes:
            content = EVENTS[size]
            requests = max(LARGE_REQUESTS, options.requests * len(PASS.body) // len(content.body))
            counts = {name: count(bench, name, content, h1load_of, requests, options)[0] for name in options.servers}
            print(f"Instructions in user space for one passed-through response of {len(content.body)} bytes, {requests} of "
                  f"them:\n\n| server | instructions |\n| --- | --- |")
            rows[size] = {name: sum(of.values()) / requests for name, of in counts.items()}
            for name, number in rows[size].items():
                print(f"| {name} | {number:.0f} |")
            first, *others = counts.values()
            for other in others:
                print("\n| function | where | more |\n| --- | --- | --- |")
                more = collections.Counter(first)
                more.subtract(other)
                for (where, name), number in sorted(more.items(), key=lambda item: -abs(item[1]))[:options.functions]:
                    print(f"| {name} | {where} | {number / requests:+.0f} |")
    return rows
