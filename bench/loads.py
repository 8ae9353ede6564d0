"""The loads: wrk, h2load and our own of handshakes. Each runs for some seconds and tells how many requests were
answered, and how many of them wrongly."""
import re
import subprocess

from client import HOST
from servers import BUILT, PRELOADED

H1_CONNECTIONS = 32
LARGE_CONNECTIONS = 8  # for bodies of megabytes: more would measure socket buffers
LARGE_BYTES = 1 << 20
H2_CONNECTIONS, H2_STREAMS = 32, 32
ANSWERED_AT_ONCE = 8  # by handshakes.c: so many have no ticket yet


def run(bench, server, command):
    done = subprocess.run(["taskset", "-c", str(bench.cores[1]), *map(str, command)],
                          capture_output=True, text=True, env=PRELOADED)
    if done.returncode != 0:
        raise SystemExit(f"bench: {command[0]} asked {server.name}: {done.stdout}{done.stderr}")
    return done.stdout


class Wrk:
    """Requests for one content over connections that stay, by HTTP/1.1."""

    def __init__(self, content, connections):
        self.content, self.connections = content, connections
        self.says = f"HTTP/1.1, {connections} warm connections"

    def __call__(self, bench, server, seconds):
        # Whom it asks for by TLS is the host of its URL, which has to be one that resolves.
        where = f"https://localhost:{server.port}" if server.secure else f"http://127.0.0.1:{server.port}"
        out = run(bench, server, ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s",
                                  "-H", f"Host: {HOST}", f"{where}{self.content.path}"])
        requests = int(re.search(r"(\d+) requests in", out)[1])
        wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        return requests, int(wrong[1] if wrong else 0) + sum(map(int, broken.groups() if broken else []))


def h2load_of(bench, server, content, amount):
    """What h2load tells of so much load."""
    return run(bench, server, ["h2load", "-t1", f"-c{H2_CONNECTIONS}", f"-m{H2_STREAMS}", amount,
                               f"--connect-to=127.0.0.1:{server.port}",
                               f"https://{HOST}:{server.port}{content.path}"])


def h1load_of(bench, server, content, amount):
    """The same by HTTP/1.1, and without TLS."""
    connections = LARGE_CONNECTIONS if len(content.body) >= LARGE_BYTES else H1_CONNECTIONS
    out = run(bench, server, ["h2load", "--h1", "-t1", f"-c{connections}", amount,
                              f"--connect-to=127.0.0.1:{server.port}", f"http://{HOST}{content.path}"])
    if "0 failed, 0 errored, 0 timeout" not in out:
        raise SystemExit(f"bench: {server.name} did not answer all: {out}")
    return out


class H2load:
    """Requests for one content over connections that stay, by HTTP/2."""

    says = f"HTTP/2, {H2_CONNECTIONS} warm connections of {H2_STREAMS} streams"

    def __init__(self, content):
        self.content = content

    def __call__(self, bench, server, seconds):
        out = h2load_of(bench, server, self.content, f"-D{seconds}")
        if "Application protocol: h2" not in out:
            raise SystemExit(f"bench: {server.name} does not speak HTTP/2: {out}")
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
        right, *wrong = map(int, counts.groups())
        other = sum(map(int, re.search(r"(\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out).groups()))
        return right, sum(wrong) + other


class Handshakes:
    """A connection for each request, with a handshake that is whole or takes up a session."""

    def __init__(self, content, *, is_resuming):
        self.content, self.is_resuming = content, is_resuming
        self.says = "TLS 1.3, HTTP/1.1, a connection for each request"

    def __call__(self, bench, server, seconds):
        out = run(bench, server, [BUILT / "handshakes", server.port, HOST, self.content.path, len(self.content.body),
                                  seconds, "resumed" if self.is_resuming else "full"])
        right, wrong, resumed = map(int, out.split())
        strange = max(0, right - resumed - ANSWERED_AT_ONCE) if self.is_resuming else resumed
        return right, wrong + strange
