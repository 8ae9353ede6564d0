"""Everything at once: origins that fail at random, clients that misbehave at random, and changes of the domains, of the
log and of the origins in between. What must always hold: a whole, right response, an honest error, or a visible
truncation; no byte of another message; no unsafe request at an origin twice; no wait beyond the deadlines; no crash;
and afterwards everything is as it was before.

All chance comes from one seed: CHAOS_SEED=N script/test test_chaos begins with that one, CHAOS_SECONDS=N is how long.
"""
import collections
import json
import os
import pathlib
import random
import signal
import socket
import threading
import time

import chaos
import content
import pytest
import wire
from chaos import Answers, draw_ask
from client import Client
from domains import domain, origin_of
from origin import Reply

HOSTS = [f"d{number}.test" for number in range(7)] + ["some.wild.test"]
BRAVE = {"d5.test", "d6.test"}  # may repeat what is not safe
BUDGET_MAX = 3  # failover.budget_s
HEAD_LIMIT = BUDGET_MAX + 1 + 1 + 3  # the last attempt's own timeouts, and slack for a busy machine
TOTAL_LIMIT = 25.0
CUT_OFF = 3  # head_timeout, body_timeout and write_timeout
FLAGS = {
    "block_time": "300ms", "block_time_max": "1s", "ramp_time": "200ms", "probe_timeout": "300ms", "trial_lease": "2s",
    "head_timeout": f"{CUT_OFF}s", "body_timeout": f"{CUT_OFF}s", "write_timeout": f"{CUT_OFF}s",
    "drain_timeout": "30s",
}  # fmt: skip


class World:
    """What is shared by all that happens: the program, the origins, who was asked what, and what went wrong."""

    def __init__(self, make, seed):
        self.seed = seed
        self.dice = random.Random(f"{seed}/world")
        self.end = threading.Event()
        self.wrong = []
        self.suspects = set()  # uids of what went wrong
        self.seen = collections.Counter()
        self.asks = {}  # all that was ever sent, by uid
        self.heard = {}  # uid -> (status, "complete" or "truncated", words) of clients that read to the end
        self.trouble = collections.defaultdict(float)  # until when an origin was disturbed
        self.origins = [make.origin(f"o{number}") for number in range(6)]
        self.answers = {}
        for origin, share in zip(self.origins, (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)):
            origin.default = self.answers[origin.name] = Answers(seed, origin.name, share)
        self.has_proxies = self.dice.random() < 0.25
        flags = dict(FLAGS)
        if self.has_proxies:
            flags |= {"proxy_protocol": "on", "trusted_proxies": "127.0.0.0/8"}
        self.domains = [self.draw_domain(self.dice, host) for host in HOSTS]
        self.server = make.headwater(self.domains, flags, workers=2)
        self.edges = self.server.edge_pids()
        self.has_upgrades = self.dice.random() < 0.25

    def draw_domain(self, dice, host):
        """A random configuration of a name."""
        timeouts = {"connect_timeout": "1s", "head_timeout": "1s", "idle_timeout": "2s"}

        def some(count):
            chosen = [origin.address + dice.choice(["", ":1", ":3"]) for origin in dice.sample(self.origins, count)]
            return origin_of(chosen, **{
                **timeouts, "policy": dice.choice(["polling", "polling", "least_load", "hash"]),
                "keepalive": dice.choice(["0s", "1s", "60s"]), "connections_max": dice.choice([0, 0, 0, 2, 8]),
                "queue_max": dice.choice([0, 2, 100]), "queue_s": 1,
            })  # fmt: skip

        master, backup = some(dice.choice([1, 1, 2, 3])), some(dice.choice([1, 2])) if dice.random() < 0.7 else None
        if dice.random() < 0.2:
            master["probe"] = {"path": "/probe", "interval": "1s", "timeout": "300ms"}
        failover = {"attempts": dice.choice([1, 2, 3, 5]), "budget_s": dice.choice([1, 2, BUDGET_MAX])}
        if dice.random() < 0.3:
            failover["statuses"] = dice.choice(["500-599", "none", "404,503"])
        if host in BRAVE:
            failover["unsafe_methods"] = "on"
        name = "*.wild.test" if host.endswith(".wild.test") else host
        return domain(
            master, backup, name=name, failover=failover, debug=dice.choice(["on", "off"]),
            all_blocked=dice.choice(["try", "fail"]), detect={"statuses": dice.choice(["none", "500-599"])},
            forwarding={"forwarded": dice.choice(["on", "off"])}, request_body_max=dice.choice(["32m", "32m", "100k"]),
        )  # fmt: skip

    def tell(self, what, ask=None):
        self.wrong.append(what if ask is None else f"{what}; {ask}")
        if ask is not None:
            self.suspects.add(ask.uid)

    def is_calm(self, name, since):
        return self.trouble[name] < since - 0.5


class Weather:
    """What happens meanwhile: reloads, logs that are moved, origins that are disturbed."""

    def __init__(self, world):
        self.world = world
        self.dice = random.Random(f"{world.seed}/weather")
        self.logs = 0

    def run(self):
        kinds = [self.reload, self.reload, self.reload_nonsense, self.move_log, self.disturb, self.disturb]
        kinds += [self.upgrade] if self.world.has_upgrades else []
        while not self.world.end.wait(self.dice.uniform(0.1, 0.5)):
            self.dice.choice(kinds)()

    def reload(self):
        world = self.world
        number = self.dice.randrange(len(HOSTS))
        world.domains[number] = world.draw_domain(self.dice, HOSTS[number])
        more = [domain(world.origins[0], name="more.test")] if self.dice.random() < 0.5 else []
        world.server.write_domains(world.domains + more)

    def reload_nonsense(self):
        self.world.server.write_text(self.dice.choice(["domains: [", '{"domains": [{"name": "x"}]}', "\0\0\0", ""]))

    def move_log(self):
        server = self.world.server
        self.logs += 1
        if server.log_path.exists():
            server.log_path.rename(server.folder / f"access.log.{self.logs}")
        server.signal(signal.SIGUSR1)

    def upgrade(self):
        """To the same program."""
        self.world.server.signal(signal.SIGHUP)
        self.world.end.wait(2)

    def disturb(self):
        world, dice = self.world, self.dice
        origin = dice.choice(world.origins)
        what = dice.choice(["down", "drop_syn", "break", "at_accept", "on_reuse", "idle_close"])
        world.trouble[origin.name] = float("inf")
        if what == "break":
            origin.break_connections()  # by a reset: a body that the end delimits must not look whole
        elif what == "down":
            origin.down(reset=dice.random() < 0.5)
        elif what == "drop_syn":
            origin.drop_syn()
        else:
            setattr(origin, what, dice.choice({"idle_close": [0.01, 0.1]}.get(what, ["close", "reset"])))
        world.end.wait(dice.uniform(0.1, 0.6))
        calm(origin, is_down=what in ("down", "drop_syn"))
        world.trouble[origin.name] = time.monotonic()


def calm(origin, is_down=True):
    origin.at_accept = origin.on_reuse = ""
    origin.idle_close = 0.0
    if is_down:
        origin.up()


class Sender(threading.Thread):
    """Sends on a connection while somebody else reads from it."""

    def __init__(self, connection, pieces):
        super().__init__(daemon=True)
        self.sock = socket.socket(fileno=os.dup(connection.sock.fileno()))
        self.sock.settimeout(TOTAL_LIMIT)
        self.pieces = pieces
        self.start()

    def run(self):
        try:
            for piece in self.pieces:
                self.sock.sendall(piece)
        except OSError:
            pass  # the reader sees what became of it
        finally:
            self.sock.close()


def in_pieces(dice, data, sizes, pause=0.0):
    """The data in pieces of random sizes."""
    at = 0
    while at < len(data):
        size = dice.choice(sizes)
        yield data[at : at + size]
        at += size
        if pause:
            time.sleep(pause)


class Visitor:
    """A client with a mind of its own."""

    def __init__(self, world, number):
        self.world = world
        self.name = f"v{number}"
        self.dice = random.Random(f"{world.seed}/{self.name}")
        self.count = 0
        self.now = ""

    def run(self):
        while not self.world.end.is_set():
            kind = self.dice.choice(KINDS)
            self.now = kind.__name__
            try:
                kind(self)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                self.world.tell(f"{self.name} {self.now} {self.count}: {type(error).__name__} {error}")

    # Asking.

    @staticmethod
    def finish(connection):
        """Sends FIN, unless the server has ended the connection already."""
        try:
            connection.finish()
        except OSError:
            pass

    def connect(self, **options):
        connection = Client(self.world.server.address, TOTAL_LIMIT, **options)
        if self.world.has_proxies:
            connection.send(b"PROXY TCP4 203.0.113.%d 192.0.2.1 1000 80\r\n" % self.dice.randrange(1, 255))
        return connection

    def ask(self, **options):
        self.count += 1
        uid = f"{self.name}-{self.count}"
        ask = draw_ask(self.dice, uid, self.dice.choice(HOSTS), **options)
        self.world.asks[uid] = ask
        return ask

    def expect(self, connection, ask, is_first=True, pause=None, more=()):
        """Reads the response and judges it; true when the connection may be used again. `more` are faults of ours
        that are right here, beside what may go wrong at origins."""
        world, begun = self.world, time.monotonic()
        try:
            response = connection.response(ask.method, pause=pause)
        except wire.Truncated as error:
            self.judge_truncated(ask, error, begun, is_first)
            return False
        except wire.WireError as error:
            world.tell(f"{self.now}: {error}", ask)
            return False
        if response.head_seconds > HEAD_LIMIT:
            world.tell(f"{self.now}: {response} after {response.head_seconds:.1f} s", ask)
        allowed = chaos.ORIGIN_FAULTS | set(more) | ({"body_too_large"} if ask.up > 100_000 else set())
        if response.error:
            wrong = chaos.judge_error(ask, response, allowed)
        else:
            wrong = chaos.judge_body(ask, response, is_whole=True)
        if wrong:
            world.tell(f"{self.now}: {wrong}", ask)
        world.seen[response.error or "whole"] += 1
        world.heard[ask.uid] = (response.status, "complete", f"{self.now}: {ask}")
        return self.may_go_on(connection, ask, response)

    def may_go_on(self, connection, ask, response):
        tokens = response.fields.tokens("Connection")
        is_last = "close" in tokens or response.framing == "close" or (ask.version == "1.0" and "keep-alive" not in tokens)
        if is_last and self.dice.random() < 0.3:
            rest, how = connection.end(TOTAL_LIMIT)
            if rest:
                self.world.tell(f"{self.now}: behind the last response {rest[:200]!r}, {how}", ask)
        return not is_last

    def judge_truncated(self, ask, error, begun, is_first):
        world = self.world
        if error.how == "timeout":
            world.tell(f"{self.now}: hangs, {error}, {time.monotonic() - begun:.1f} s", ask)
        elif error.response is None:
            # A reset, which an HTTP/1.0 answer is broken off with, may overtake its head.
            if is_first and not (ask.version == "1.0" and error.how == "rst"):
                world.tell(f"{self.now}: no answer, {error}", ask)
            world.seen["unanswered"] += 1
        else:
            wrong = chaos.judge_body(ask, error.response, is_whole=False)
            if wrong:
                world.tell(f"{self.now}: {wrong}", ask)
            self.judge_reason(ask, error, begun)
            world.seen["truncated"] += 1
            world.heard[ask.uid] = (error.response.status, "truncated", f"{self.now}: {error}, {ask}")

    def judge_reason(self, ask, error, begun):
        """A truncation of what its origin sent in good order is none of an origin's making."""
        name = error.response.fields.get("X-Answer")
        if name is None:
            return
        identity = name.rsplit("/", 2)[0]
        origin = identity.split("/")[1]
        given = self.world.answers[origin].given[identity]
        if given.kind == "early" and ask.up > 100_000:
            return  # its body may have been found too large meanwhile
        if given.is_sound and self.world.is_calm(origin, begun):
            self.world.tell(f"{self.now}: {name}, which was {given.kind}, is truncated for nothing: {error}", ask)

    # Kinds of clients.

    def one_by_one(self):
        with self.connect() as connection:
            for number in range(self.dice.choice([1, 3, 20])):
                ask = self.ask()
                Sender(connection, [ask.head() + ask.body()])
                if not self.expect(connection, ask, number == 0):
                    return
                if self.dice.random() < 0.05 and not connection.is_quiet(0.05):
                    self.world.tell(f"{self.now}: {connection.buffer[:200]!r} {connection.ended} behind the answer", ask)
                    return

    def pipelined(self, finish=False):
        asks = [self.ask(up_max=20_000) for _ in range(self.dice.choice([2, 5, 30]))]
        data = b"".join(ask.head() + ask.body() for ask in asks)
        with self.connect() as connection:
            sizes = self.dice.choice([[1 << 20], [1, 100, 1460], [16384]])
            sender = Sender(connection, in_pieces(self.dice, data, sizes))
            if finish:
                sender.join(TOTAL_LIMIT)
                self.finish(connection)
            for number, ask in enumerate(asks):
                if not self.expect(connection, ask, number == 0):
                    return
            if finish:
                rest, how = connection.end(TOTAL_LIMIT)
                if rest:
                    self.world.tell(f"{self.now}: {rest[:200]!r} {how} behind the last answer", asks[-1])

    def half_closed(self):
        if self.dice.random() < 0.3:
            self.pipelined(finish=True)
            return
        with self.connect() as connection:
            ask = self.ask(up_max=1000)
            connection.send(ask.head() + ask.body())
            self.finish(connection)
            self.expect(connection, ask)

    def dribbling(self):
        with self.connect() as connection:
            for number in range(3):
                ask = self.ask(up_max=5000)
                Sender(connection, in_pieces(self.dice, ask.head() + ask.body(), [1, 2, 7, 50, 400], 0.001))
                if not self.expect(connection, ask, number == 0):
                    return

    def byte_by_byte(self):
        with self.connect() as connection:
            ask = self.ask(up_max=100)
            ask.fields = ()
            Sender(connection, in_pieces(self.dice, ask.head() + ask.body(), [1]))
            self.expect(connection, ask)

    def leaving(self):
        """Goes away in the middle of sending or of reading."""
        ask = self.ask()
        data = ask.head() + ask.body()
        with self.connect(receive_buffer=self.dice.choice([None, 8192])) as connection:
            Sender(connection, [data[: self.dice.choice([len(data), len(data), self.dice.randrange(len(data))])]])
            time.sleep(self.dice.choice([0, 0.005, 0.05, 0.5]))
            if self.dice.random() < 0.5:
                try:
                    connection.sock.settimeout(self.dice.random())
                    connection.sock.recv(self.dice.choice([1, 500, 100_000]))
                except OSError:
                    pass
            if self.dice.random() < 0.6:
                connection.abort()

    def waiting_for_continue(self):
        with self.connect() as connection:
            for number in range(2):
                ask = self.ask(methods=("POST", "PUT"))
                ask.fields += (("Expect", "100-continue"),)
                connection.send(ask.head())
                is_asked_for = self.dice.random() < 0.2  # or it does not wait
                while not is_asked_for and ask.up > 0:
                    head = self.first_line(connection)
                    is_asked_for = head.startswith(b"HTTP/1.1 100")
                    if not head.startswith(b"HTTP/1.1 1"):
                        break
                if is_asked_for or ask.up <= 0:
                    Sender(connection, [ask.body()])
                if not self.expect(connection, ask, number == 0):
                    return
                if not is_asked_for and ask.up > 0:
                    self.world.tell(f"{self.now}: the connection goes on, and nobody asked for the body", ask)
                    return

    @staticmethod
    def first_line(connection):
        """Waits for a head, and takes it off where it is a 100."""
        deadline = time.monotonic() + HEAD_LIMIT
        while b"\r\n\r\n" not in connection.buffer:
            if not connection._receive(deadline):
                return b""
        head, rest = connection.buffer.split(b"\r\n\r\n", 1)
        if head.startswith(b"HTTP/1.1 100"):
            connection.buffer = rest
        elif head.startswith(b"HTTP/1.1 1"):
            connection.buffer = rest
        return head

    def old(self):
        is_kept = self.dice.random() < 0.5
        with self.connect() as connection:
            for number in range(3 if is_kept else 1):
                ask = self.ask()
                ask.version, ask.chunk = "1.0", 0
                ask.fields = (("Connection", "keep-alive"),) if is_kept else ()
                Sender(connection, [ask.head() + ask.body()])
                if not self.expect(connection, ask, number == 0):
                    return

    def malformed(self):
        """Good requests, then one that must be refused, with more behind it that must never be a request."""
        name = self.dice.choice(list(chaos.MALFORMED))
        host = self.dice.choice(HOSTS).encode()
        bad = chaos.MALFORMED[name].replace(b"%(host)s", host)
        hidden = b"GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (chaos.SMUGGLED.encode(), host)
        asks = [self.ask(up_max=1000) for _ in range(self.dice.choice([0, 0, 2]))]
        data = b"".join(ask.head() + ask.body() for ask in asks) + bad + b"0\r\n\r\n" + hidden
        with self.connect() as connection:
            Sender(connection, [data])
            for number, ask in enumerate(asks):
                if not self.expect(connection, ask, number == 0):
                    return
            try:
                response = connection.response()
                rest, _ = connection.end(TOTAL_LIMIT)
            except wire.WireError as error:
                self.world.tell(f"{self.now} {name}: {error}")
                return
            if not response.error or response.status not in (400, 414, 417, 431, 501, 505) or rest:
                self.world.tell(f"{self.now} {name}: {response}, then {rest[:200]!r}")
            self.world.seen[response.error] += 1

    def bad_body(self):
        """A body that goes wrong, or ends too early, or never ends."""
        ask = self.ask(methods=("POST", "PUT"))
        ask.is_whole, ask.up, ask.chunk = False, max(ask.up, 10), self.dice.choice([0, 100, 20_000])
        body = ask.body()
        hidden = b"GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (chaos.SMUGGLED.encode(), ask.host.encode())
        how = self.dice.choice(["finish", "stall"]) if not ask.chunk else "bad"
        if how == "bad":
            end = body.rindex(b"0\r\n")
            body = body[:end] + self.dice.choice(chaos.BAD_CHUNKS) + hidden
        else:
            body = body[: self.dice.randrange(len(body))]
        with self.connect() as connection:
            sender = Sender(connection, [ask.head() + body])
            sender.join(TOTAL_LIMIT)
            if how == "finish":
                self.finish(connection)
            self.expect_end(connection, ask)

    def expect_end(self, connection, ask):
        """A request that is never whole: an error, or an origin's answer that did not wait for it, and the end."""
        try:
            response = connection.response(ask.method)
            rest, _ = connection.end(TOTAL_LIMIT)
        except wire.Truncated as error:
            if error.how == "timeout":
                self.world.tell(f"{self.now}: hangs, {error}", ask)
            return
        except TimeoutError:
            self.world.tell(f"{self.now}: the connection of {response} does not end", ask)
            return
        allowed = chaos.ORIGIN_FAULTS | {"bad_request", "body_slow", "body_too_large", "client_gone"}
        wrong = chaos.judge_error(ask, response, allowed) if response.error else chaos.judge_body(ask, response, True)
        if wrong or rest:
            self.world.tell(f"{self.now}: {wrong}, {rest[:200]!r}", ask)
        self.world.seen[response.error or "whole"] += 1

    def stalling(self):
        """Half a head, and then nothing: it is cut off in time."""
        ask = self.ask()
        data = ask.head()
        with self.connect() as connection:
            connection.send(data[: self.dice.randrange(1, len(data) - 2)])
            begun = time.monotonic()
            try:
                connection.end(CUT_OFF + 4)
            except TimeoutError:
                self.world.tell(f"{self.now}: not cut off after {time.monotonic() - begun:.1f} s", ask)
            self.world.seen["stalled"] += 1

    def slow_reader(self):
        with self.connect(receive_buffer=4096) as connection:
            ask = self.ask(methods=("GET",), up_max=-1)
            connection.send(ask.head())
            begun = time.monotonic()
            self.expect(connection, ask, pause=lambda: time.sleep(0.01 if time.monotonic() - begun < 3 else 0))

    def unknown(self):
        ask = self.ask(methods=("GET", "HEAD"), up_max=-1)
        ask.host = self.dice.choice(["wild.test", "nobody.test", "d0.test.", "127.0.0.1"])
        with self.connect() as connection:
            connection.send(ask.head())
            self.expect(connection, ask, more=["unknown_host"])


KINDS = [
    Visitor.one_by_one, Visitor.one_by_one, Visitor.one_by_one, Visitor.pipelined, Visitor.pipelined, Visitor.half_closed,
    Visitor.dribbling, Visitor.byte_by_byte, Visitor.leaving, Visitor.leaving, Visitor.waiting_for_continue, Visitor.old,
    Visitor.one_by_one, Visitor.pipelined, Visitor.one_by_one, Visitor.malformed, Visitor.malformed, Visitor.bad_body,
    Visitor.stalling, Visitor.slow_reader, Visitor.unknown,
]  # fmt: skip


# What must hold in the end.


def memory_of(pids):
    """Bytes of user memory."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                total += int(line.split()[1]) * 1024
    return total


def assert_delivered_right(world):
    """What the origins got: each request as it was sent, what is not safe once, nothing that nobody sent."""
    wrong, unsafe = [], collections.Counter()
    for origin in world.origins:
        for request in origin.requests:
            uid = request.path.lstrip("/")
            if request.path == "/probe" or uid == "well":
                continue
            ask = world.asks.get(uid)
            problem = chaos.judge_delivered(ask, request)
            if problem:
                wrong.append(f"{origin.name} {request.method} {request.target}: {problem}")
            elif request.method not in chaos.SAFE and ask.host not in BRAVE:
                unsafe[uid] += 1
    assert not wrong, wrong[:5]
    assert not {uid: count for uid, count in unsafe.items() if count > 1}


def read_log(world):
    """The lines of the access log, by uid."""
    lines = collections.defaultdict(list)
    for path in world.server.folder.glob("access.log*"):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            lines[line["path"].rpartition("/")[2]].append(line)
    return lines


def log_of(world):
    """What the log says of what went wrong."""
    lines = read_log(world)
    return [json.dumps(line) for uid in sorted(world.suspects)[:12] for line in lines[uid]]


def assert_logged_right(world):
    """One line for each request that was answered, and the line tells what its client got."""
    wrong, lines = [], read_log(world)
    for uid, (status, end, words) in world.heard.items():
        found = lines[uid]
        if len(found) != 1 or found[0]["status"] != status or (found[0]["end"] == "complete") != (end == "complete"):
            wrong.append(f"{status} {end} {words}, and the log has {found}")
    if wrong:
        pytest.fail("\n".join([f"{len(wrong)} logged wrong", *wrong[:8]]))


def assert_well_again(world, descriptors):
    """With origins that are well, everything is served, nothing is busy, and nothing is left open."""
    server = world.server
    for origin in world.origins:
        calm(origin)
        origin.default = Reply(body=b"well")
    server.write_domains(world.domains)
    visitor = Visitor(world, "end")
    deadline = time.monotonic() + 12
    for host in HOSTS:
        while True:
            with visitor.connect() as connection:
                connection.request("GET", "/well", host)
                response = connection.response()
            if response.body == b"well":
                break
            assert time.monotonic() < deadline, f"{host} does not recover: {response}"
            time.sleep(0.05)
    for origin in world.origins:
        origin.break_connections()
    while len(server.edge_pids()) > 1 or server.descriptors() > descriptors + 6:
        assert time.monotonic() < deadline, f"{server.descriptors()} descriptors are open, {descriptors} were before"
        time.sleep(0.05)
    used = server.cpu_seconds()
    time.sleep(0.5)
    assert server.cpu_seconds() - used < 0.15, "it is busy with nothing"


def wreak(make, monkeypatch, seed, seconds, visitors=20):
    """One round of chaos."""
    # Freed memory is given back, so that what is in use can be seen.
    options = os.environ.get("ASAN_OPTIONS", "")
    monkeypatch.setenv("ASAN_OPTIONS", f"{options}:quarantine_size_mb=8:allocator_release_to_os_interval_ms=500".lstrip(":"))
    world = World(make, seed)
    descriptors = world.server.descriptors()
    runs = [Visitor(world, number).run for number in range(visitors)] + [Weather(world).run]
    threads = [threading.Thread(target=run, daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    world.end.wait(seconds / 2)
    memory = memory_of(world.server.edge_pids())
    begun = time.monotonic()
    while time.monotonic() < begun + seconds / 2 and len(world.wrong) < 20:
        time.sleep(0.1)
        world.server.assert_healthy()
    world.end.set()
    for thread in threads:
        thread.join(TOTAL_LIMIT + 5)
    world.server.assert_healthy()
    if world.wrong:
        pytest.fail("\n".join([f"{len(world.wrong)} wrong, {dict(world.seen)}", *world.wrong[:12], *log_of(world)]))
    assert not any(thread.is_alive() for thread in threads)
    assert world.has_upgrades or world.server.edge_pids() == world.edges, "the edge is not the one that was started"
    assert not [line for line in world.server.lines if " ended with " in line and "exit code 0" not in line]
    assert world.seen["whole"] > 10 * seconds, world.seen
    assert_well_again(world, descriptors)
    assert_delivered_right(world)
    assert_logged_right(world)
    grown = memory_of(world.server.edge_pids()) - memory
    assert grown < 32 << 20, f"its memory grew by {grown >> 20} MiB"
    return world.seen, grown


SEED = int(os.environ.get("CHAOS_SEED", "1"))


def run_seed(make, monkeypatch, seed, seconds):
    try:
        seen, grown = wreak(make, monkeypatch, seed, seconds)
    except BaseException:
        print(f"CHAOS_SEED={seed}")
        raise
    print(f"seed {seed}: {sum(seen.values())} exchanges, {grown >> 10} KiB, {dict(seen)}")


def test_whatever_happens_nothing_wrong_is_delivered(make, monkeypatch):
    run_seed(make, monkeypatch, SEED, float(os.environ.get("CHAOS_SECONDS", "10")))


@pytest.mark.soak
@pytest.mark.parametrize("round", range(20))
def test_whatever_happens_for_ten_minutes_nothing_wrong_is_delivered(make, monkeypatch, round):
    run_seed(make, monkeypatch, SEED + 1 + round, float(os.environ.get("CHAOS_SECONDS", "30")))
