#!/usr/bin/python3
"""What a passed-through request costs, and what an idle connection keeps: Headwater beside its peers.

Usage: script/bench [pass|idle] [--servers floor,headwater,nginx,haproxy] [--rounds N] [--seconds N]
                    [--connections N] [--cores SERVER,LOAD]
bench/README.md says how to read it.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILT = ROOT / "build/bench"
TICKS = os.sysconf("SC_CLK_TCK")
PATH = "/1k"
HOST = "bench.test"
BODY_BYTES = 1024
FOREIGN_MAX = 0.10  # of the server's core that others may use; above it a measurement is repeated, then marked
REPEATS_MAX = 2
START_TIMEOUT_S = 10

REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


# ---- processes

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


class Server:
    """A running server: its port, and its process tree, which is ended with it."""

    def __init__(self, bench, name, command, port):
        self.name, self.port = name, port
        self.log = open(bench.folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", str(bench.cores[1 if name == "origin" else 0]), *map(str, command)],
            stdout=self.log, stderr=self.log, cwd=bench.folder,
            env=os.environ | {"LD_PRELOAD": str(BUILT / "cubic.so")})

    def wait_ready(self):
        """Answers twice on one connection with the right bytes, or says why not."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                    return all(fetch(connection) for _ in range(2))
            except (OSError, ValueError) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.flush()
                    print(f"{self.name}: left out: {error}; its log:", file=sys.stderr)
                    print(pathlib.Path(self.log.name).read_text(errors="replace")[-2000:], file=sys.stderr)
                    return False
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in reversed(tree(self.process.pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
            self.process.wait()
        self.log.close()


def fetch(connection):
    """One request and its whole response; ValueError when it is not what it must be."""
    connection.sendall(REQUEST)
    got = b""
    while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < BODY_BYTES:
        piece = connection.recv(65536)
        if not piece:
            raise ValueError("the connection was closed in the middle of a response")
        got += piece
    if not got.startswith(b"HTTP/1.1 200") or len(got.partition(b"\r\n\r\n")[2]) != BODY_BYTES:
        raise ValueError(f"not the response that it must be: {got[:60]!r}")
    return True


# ---- the servers

class Bench:
    def __init__(self, folder, cores):
        self.folder, self.cores = pathlib.Path(folder), cores
        self.folder.chmod(0o755)
        (self.folder / "temp").mkdir()
        (self.folder / "www").mkdir()
        (self.folder / "www/1k").write_bytes(b"x" * BODY_BYTES)
        self.origin_port = free_port()

    def config(self, template, **values):
        text = string.Template((HERE / template).read_text()).substitute(
            folder=self.folder, origin=self.origin_port, host=HOST, **values)
        path = self.folder / template.removesuffix(".in")
        path.write_text(text)
        return path

    def nginx(self, name, template, port):
        path = self.config(template, port=port)
        return Server(self, name, ["nginx", "-p", self.folder, "-c", path, "-e", f"{name}-error.log"], port)

    def start(self, name):
        port = self.origin_port if name == "origin" else free_port()
        if name in ("origin", "nginx"):
            return self.nginx(name, f"{name}.conf.in", port)
        if name == "haproxy":
            return Server(self, name, ["haproxy", "-db", "-f", self.config("haproxy.cfg.in", port=port)], port)
        if name == "floor":
            return Server(self, name, [BUILT / "floor", port, self.origin_port], port)
        if name == "headwater":
            command = [ROOT / "build/release/headwater", "serve", "--config", self.config("headwater.yaml.in", port=port),
                       "--domains", self.config("domains.yaml.in")]
            return Server(self, name, command, port)
        raise SystemExit(f"bench: no server is called {name}")

    @contextlib.contextmanager
    def running(self, names):
        servers = []
        try:
            for name in names:
                server = self.start(name)
                servers.append(server)
                if not server.wait_ready() and name == "origin":
                    raise SystemExit("bench: no measurement without the origin")
            yield [server for server in servers if server.process.poll() is None]
        finally:
            for server in reversed(servers):
                server.stop()


# ---- what is measured

def wrk(bench, server, seconds, connections):
    """Runs wrk; requests that were answered, and how many of them wrongly."""
    out = subprocess.run(
        ["taskset", "-c", str(bench.cores[1]), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
         "-H", f"Host: {HOST}", f"http://127.0.0.1:{server.port}{PATH}"],
        capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", out)[1])
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    return requests, int(wrong[1] if wrong else 0) + sum(map(int, broken.groups() if broken else []))


def measure_quietly(bench, server, options):
    """The first measurement that nobody disturbed, or the last one."""
    for _ in range(1 + REPEATS_MAX):
        row = measure_pass(bench, server, options)
        if row["foreign"] <= FOREIGN_MAX:
            break
    return row


def measure_pass(bench, server, options):
    wrk(bench, server, 1, options.connections)  # connections to the origin are warm from here on
    core = bench.cores[0]
    cpu, busy, began = cpu_s(server.process.pid), core_busy_s(core), time.monotonic()
    requests, errors = wrk(bench, server, options.seconds, options.connections)
    cpu, busy, took = cpu_s(server.process.pid) - cpu, core_busy_s(core) - busy, time.monotonic() - began
    return {"us": 1e6 * cpu / max(requests, 1), "per_s": requests / took, "busy": cpu / took,
            "foreign": max(0.0, busy - cpu) / took, "errors": errors}


def bench_pass(bench, options):
    rows = {}
    with bench.running(["origin", *options.servers]) as servers:
        for number in range(options.rounds):
            for server in servers[1:]:
                row = measure_quietly(bench, server, options)
                rows.setdefault(server.name, []).append(row)
                marks = " !" * (row["foreign"] > FOREIGN_MAX) + f" {row['errors']} errors" * (row["errors"] > 0)
                print(f"  round {number + 1}: {server.name:10} {row['us']:6.2f} us{marks}", flush=True)
    print(f"\nCPU for one passed-through 1 KB response, HTTP/1.1, {options.connections} warm connections:\n")
    print("| server | us/request | min..max | to the floor | requests/s | core busy | foreign |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    middle = {name: statistics.median(row["us"] for row in each) for name, each in rows.items()}
    for name, each in sorted(rows.items(), key=lambda item: middle[item[0]]):
        every = [row["us"] for row in each]
        ratio = f"{middle[name] / middle['floor']:.2f}" if "floor" in middle else ""
        print(f"| {name} | {middle[name]:.2f} | {min(every):.2f}..{max(every):.2f} | {ratio} "
              f"| {statistics.median(row['per_s'] for row in each):.0f} "
              f"| {statistics.median(row['busy'] for row in each):.2f} | {max(row['foreign'] for row in each):.2f} |")
    return rows


def bench_idle(bench, options):
    rows = {}
    print(f"Memory for one of {options.idle} idle keep-alive connections, each after one response:\n")
    print("| server | bytes |\n| --- | --- |")
    for name in options.servers:
        if name == "floor":  # its memory is as simple as the rest of it, and says nothing
            continue
        with bench.running(["origin", name]) as servers, contextlib.ExitStack() as connections:
            if len(servers) < 2:
                continue
            pid, port = servers[1].process.pid, servers[1].port
            # What the first connections cost once (pools, arenas) is not what one more costs.
            for _ in range(options.idle // 10):
                fetch(connections.enter_context(socket.create_connection(("127.0.0.1", port))))
            before = memory_bytes(pid)
            for _ in range(options.idle):
                fetch(connections.enter_context(socket.create_connection(("127.0.0.1", port))))
            time.sleep(1)
            rows[name] = (memory_bytes(pid) - before) / options.idle
            print(f"| {name} | {rows[name]:.0f} |", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", choices=["pass", "idle"], default="pass")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=["floor", "headwater", "nginx", "haproxy"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--connections", type=int, default=64, help="of wrk")
    parser.add_argument("--idle", type=int, default=4000, help="idle connections")
    parser.add_argument("--cores", type=lambda text: [int(core) for core in text.split(",")], default=[0, 1],
                        help="the server's, and that of origin and load")
    parser.add_argument("--json", type=pathlib.Path, help="writes every round there")
    options = parser.parse_args()

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = tempfile.mkdtemp(prefix="headwater-bench-")
    try:
        os.sched_setaffinity(0, {options.cores[1]})
        rows = {"pass": bench_pass, "idle": bench_idle}[options.what](Bench(folder, options.cores), options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
