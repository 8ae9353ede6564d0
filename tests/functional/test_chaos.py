"""Everything at once: origins that fail at random, clients that misbehave at random, changes in between. What must
always hold: a whole, right response, an honest error, or a visible truncation; no bytes of another message; no
unsafe request delivered twice; no crash.
"""
import collections
import os
import random
import threading
import time

import content
import pytest
import wire
from domains import domain, origin_of
from origin import GARBAGE, Generated, Reply

SIZES = [0, 1, 100, 5000, 65536, 70_001, 400_000]
HOSTS = ["polled.test", "backed.test", "hashed.test", "capped.test", "brave.test"]
HONEST = {400, 408, 413, 502, 503, 504}


def good(request, dice):
    """The right answer for a path: its own bytes, in a random framing."""
    framing = dice.choice(["length", "chunked", "close"])
    size = SIZES[hash_of(request.path) % len(SIZES)]
    # In one write with the end of a response: what comes later cannot be told from an answer to the next request.
    extra = framing != "close" and size < 10_000 and dice.random() < 0.1
    return Reply(
        status=dice.choice([200, 200, 200, 203]), body=Generated(request.path, size),
        framing=framing, chunk=dice.choice([1000, 16384, 100_000]),
        fields=(("X-Path", request.path),), keep=dice.random() < 0.9, delay=dice.choice([0, 0, 0, 0.02]),
        interim=dice.choice([(), (), (), (103,), (102, 103)]),
        extra=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Path: /wrong\r\n\r\nevil" if extra else b"",
        version=dice.choice(["1.1", "1.1", "1.1", "1.0"]) if dice.random() < 0.2 else "1.1", early=dice.random() < 0.05,
    )  # fmt: skip


def hash_of(text):
    return sum(text.encode()) * 7919


def bad(request, dice):
    return dice.choice([
        lambda: Reply(status=dice.choice([404, 500, 503]), body=b"own error", fields=(("X-Path", request.path),)),
        lambda: Reply(cut=dice.choice(["request", "before", "mid_head"]), how=dice.choice(["close", "reset"])),
        lambda: Reply(cut="before", how="hang"),
        lambda: Reply(raw=GARBAGE[dice.choice(list(GARBAGE))]),
        lambda: Reply(body=Generated(request.path, 400_000), cut="mid_body", cut_after=dice.choice([0, 1, 70_000, 399_999]),
                      how=dice.choice(["close", "reset", "hang"]), framing=dice.choice(["length", "chunked"]),
                      fields=(("X-Path", request.path),)),
    ])()  # fmt: skip


def chaotic(dice, share):
    def reply(request):
        made = bad(request, dice) if dice.random() < share else good(request, dice)
        if made.framing == "chunked" and made.version == "1.0":
            return Reply(**{**made.__dict__, "version": "1.1"})
        return made

    return reply


class Chaos:
    """Random clients; what they saw is in `seen`, what must not be in `wrong`."""

    def __init__(self, server, seed):
        self.server = server
        self.seed = seed
        self.seen = collections.Counter()
        self.wrong = []
        self.sent_once = []
        self.end = threading.Event()
        self._number = 0
        self._lock = threading.Lock()

    def path(self):
        with self._lock:
            self._number += 1
            return f"/p{self._number}"

    def run(self, number):
        dice = random.Random(f"{self.seed}-{number}")
        while not self.end.is_set():
            try:
                with self.server.connect(timeout=20) as connection:
                    for _ in range(dice.choice([1, 1, 5, 20])):
                        if not self.exchange(connection, dice):
                            break
            except (ConnectionResetError, BrokenPipeError):
                self.seen["reset"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.wrong.append(f"{type(error).__name__} {error}")

    def exchange(self, connection, dice):
        """One exchange of a random kind; true when the connection may be used again."""
        kind = dice.choice(["get"] * 6 + ["post", "post", "pipeline", "leave", "garbage", "old", "head"])
        host = dice.choice(HOSTS)
        path = self.path()
        if kind == "garbage":
            connection.send(dice.choice([b"\x16\x03\x01", b"GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n", b"G" * 70_000]))
            connection.finish()
            connection.end(20)
            return False
        if kind == "leave":
            connection.request(dice.choice(["GET", "PUT"]), path, host, body=dice.choice([None, bytes(200_000)]))
            time.sleep(dice.random() * 0.05)
            connection.abort() if dice.random() < 0.5 else connection.close()
            return False
        method = {"post": "POST", "head": "HEAD"}.get(kind, "GET")
        targets = [path]
        if kind == "pipeline":
            targets += [self.path() for _ in range(4)]
        body = content.generate(path, 0, dice.choice([1, 1000, 100_000])) if kind == "post" else None
        if body:
            self.sent_once.append(path)
        for target in targets:
            connection.request(method, target, host, body=body, version="1.0" if kind == "old" else "1.1")
        for target in targets:
            if not self.check(connection, method, target):
                return False
        return kind != "old"

    def check(self, connection, method, path):
        try:
            response = connection.response(method)
        except wire.Truncated as error:
            if error.how == "timeout":
                self.wrong.append(f"{method} {path} hangs: {error}")
            elif error.response is not None:
                self.part(path, error.response)
                self.seen["truncated"] += 1
            else:
                self.seen["closed"] += 1
            return False
        except wire.WireError as error:
            self.wrong.append(f"{method} {path}: {error}")
            return False
        if response.error:
            if response.status not in HONEST:
                self.wrong.append(f"{method} {path}: {response}")
            self.seen[response.error] += 1
        else:
            self.whole(method, path, response)
        return "close" not in response.fields.tokens("Connection")

    def whole(self, method, path, response):
        size = SIZES[hash_of(path) % len(SIZES)]
        self.seen[response.status] += 1
        if response.fields.get("X-Path", path) != path:
            self.wrong.append(f"{path} got {response.fields.get('X-Path')}")
        elif response.status in (200, 203) and method != "HEAD" and "X-Path" in response.fields:
            if response.body not in (content.generate(path, 0, size), content.generate(path, 0, 400_000)):
                self.wrong.append(f"{path} got {response.size} bytes, not its {size}")
        elif "X-Path" not in response.fields and method != "HEAD" and response.body not in (b"ok", b""):
            self.wrong.append(f"{path} got {response}")

    def part(self, path, response):
        if response.fields.get("X-Path", path) != path or "X-Path" in response.fields and not content.generate(
                path, 0, 400_000).startswith(response.body):  # fmt: skip
            self.wrong.append(f"{path} got a part of something else: {response}")


def chaos(make, seconds, seed, clients=10):
    origins = [make.origin(f"o{number}") for number in range(6)]
    for number, origin in enumerate(origins):
        origin.default = chaotic(random.Random(f"{seed}-origin{number}"), (0.4, 0.1, 0.4, 0.0, 0.25, 0.25)[number])
    a, b, c, d, e, f = origins
    domains = [
        domain([a, b, c], name="polled.test"),
        domain([a, c], [d, e], name="backed.test"),
        domain(origin_of([b, d, f], policy="hash"), name="hashed.test"),
        domain(origin_of(f, connections_max=2, queue_max=3, queue_s=1), d, name="capped.test"),
        domain([e, f], d, name="brave.test", failover={"unsafe_methods": "on", "attempts": 5}),
    ]
    flags = {"block_time": "500ms", "block_time_max": "1s", "ramp_time": "200ms", "probe_timeout": "300ms"}
    server = make.headwater(domains, flags, workers=2)
    state = Chaos(server, seed)
    state.descriptors = server.descriptors()
    dice = random.Random(seed)
    threads = [threading.Thread(target=state.run, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.3)
        server.assert_healthy()
        what = dice.choice(["reload", "down", "drop", "break", "idle", "nothing"])
        victim = dice.choice(origins)
        if what == "reload":
            domains[0] = domain(dice.sample([a, b, c, d], 3), name="polled.test", debug=dice.choice(["on", "off"]))
            server.write_domains(domains)
        elif what == "down":
            victim.down(reset=dice.random() < 0.5)
        elif what == "drop":
            victim.drop_syn()
        elif what == "break":
            victim.break_connections(dice.choice(["reset", "close"]))
        elif what == "idle":
            victim.idle_close = dice.choice([0, 0.01])
        time.sleep(0.1)
        if what in ("down", "drop"):
            victim.up()
    state.end.set()
    for thread in threads:
        thread.join(40)
    for origin in origins:
        origin.up()
    state.origins = origins
    return server, state


def judge(server, state):
    server.assert_healthy()
    assert not state.wrong, (state.wrong[:5], state.seen)
    assert state.seen[200] > 20, state.seen
    delivered = collections.Counter(request.path for origin in state.origins for request in origin.requests
                                    if request.method == "POST" and request.fields.get("Host") != "brave.test")  # fmt: skip
    assert not {path: count for path, count in delivered.items() if count > 1}
    # It is still as well as at the start, and has nothing left to do.
    for origin in state.origins:
        origin.default = Reply(body=b"well")
        origin.idle_close = 0
    end = time.monotonic() + 10
    for host in HOSTS:
        while server.get(host=host, timeout=20).body != b"well":
            assert time.monotonic() < end, host
            time.sleep(0.1)
    begun = server.cpu_seconds()
    time.sleep(1)
    assert server.cpu_seconds() - begun < 0.2
    for origin in state.origins:
        origin.break_connections()
    time.sleep(0.3)
    assert server.descriptors() < state.descriptors + 10


def test_whatever_happens_nothing_wrong_is_delivered(make):
    judge(*chaos(make, 10, seed=os.environ.get("SEED", "1")))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_for_longer_nothing_wrong_is_delivered(make, seed):
    judge(*chaos(make, 60, seed))
