"""Everything that the edge can do at once, while what it is told changes: clients of HTTP/1 and HTTP/2, with TLS and without,
that ask for parts, for heads, under conditions, slowly, or leave; origins whose bodies break off and whose files change;
hedging, resumption, a memory that is too small, a disk; purges, changes of domains, upgrades. A response says which version of
which file it has, and for whom it was made: no byte is ever another's, nobody waits for ever, and no edge ends.

STORM_SEED=N repeats a run, as far as threads let it; STORM_ACTIONS=N is how many there are."""
import concurrent.futures
import contextlib
import os
import random
import re
import signal
import socket
import ssl
import struct
import threading
import time
import zlib

import content
import h2wire
import pytest
import wire
from broken import File
from caching import crowd, date, fields_of, purge, wait_until
from certificates import Authority, server_context
from domains import domain, origin_of
from origin import Reply
from test_tls import Secure

pytestmark = pytest.mark.racing

ACTIONS, SOAK = 600, 40_000
CROWD = 12
STUCK_S = 40
SIZES = (0, 1, 500, 16_000, 70_000, 300_000, 1_500_000, 6_000_000)
FILES = 60
SIDES = ("a", "b")
FRESHNESS = ("max-age=1000", "max-age=1000", "max-age=1", "max-age=0", "s-maxage=2, stale-while-revalidate=5", "no-cache",
             "max-age=0, stale-if-error=100")  # fmt: skip


class Kind:
    """What is always so of a file."""

    def __init__(self, seed, number):
        dice = random.Random(f"{seed}/kind/{number}")
        self.path = f"/{number}"
        self.size = dice.choice(SIZES)
        self.is_private = dice.random() < 0.15
        self.has_sides = dice.random() < 0.2
        self.etag = dice.choice(('"{}"', '"{}"', '"{}"', 'W/"{}"', None))
        self.has_date = dice.random() < 0.5
        self.framing = dice.choice(("length", "length", "chunked", "chunked", "close"))
        self.has_ranges = dice.random() < 0.8
        self.lines = [f"Cache-Control: {'private, ' if self.is_private else ''}{dice.choice(FRESHNESS)}"]
        self.lines += ["Vary: X-Side"] if self.has_sides else []
        self.lines += [f"Cache-Tag: t{number % 5}"]
        if number == 0:  # what leaves slow clients behind: large, of no known length, pulled again and again
            self.size, self.is_private, self.has_sides, self.etag, self.framing = 6_000_000, False, False, '"{}"', "chunked"
            self.lines = ["Cache-Control: max-age=1", "Cache-Tag: t0"]


class World:
    """What both origins have, which changes, and what they do with who asks."""

    def __init__(self, seed):
        self.seed = seed
        self.kinds = [Kind(seed, number) for number in range(FILES)]
        self.versions = [1] * FILES
        self.dice = random.Random(f"{seed}/origins")
        self.lock = threading.Lock()

    def answer(self, request):
        with self.lock:
            dice = random.Random(self.dice.random())
        number = int(re.match(r"/(\d+)", request.target)[1])
        kind, version = self.kinds[number], self.versions[number]
        if request.method not in ("GET", "HEAD"):
            return Reply(status=200, body=b"done")
        drawn = dice.random()
        if drawn < 0.03:
            return Reply(cut="before", how=dice.choice(("close", "reset")))
        if drawn < 0.05:
            return Reply(status=dice.choice((404, 500, 503)), body=b"no")
        side = request.fields.get("X-Side", "a") if kind.has_sides else "-"
        user = request.fields.get("X-User", "?") if kind.is_private else "-"
        size = kind.size + version
        name = f"{number}/{version}/{side}/{user}/{size}"
        etag = kind.etag and kind.etag.format(f"{zlib.crc32(name.encode()):x}")
        told = [f"X-Version: {name}", *kind.lines]
        if etag and etag in request.fields.get("If-None-Match", ""):
            return Reply(status=304, fields=fields_of([*told, f"ETag: {etag}"]))
        place = dice.choice((0, size // 2, size - 1, dice.randrange(size)))
        hows = ["close", "reset", "close", "reset", "crawl" if dice.random() < 0.1 else "close"]
        # What ends with its connection has an end that nobody can tell from a break.
        breaks = [(dice.choice(hows), place)] if drawn < 0.25 and kind.framing != "close" else []
        file = File(size, seed=name, etag=etag, modified=date(-100_000 + version) if kind.has_date else None, lines=told,
                    framing=kind.framing, breaks=breaks, ranges=kind.has_ranges,
                    delay=dice.choice((0, 0, 0, 0.02, 0.3 * dice.random())))  # fmt: skip
        reply = file(request)
        return Reply(status=reply.status, fields=reply.fields) if request.method == "HEAD" else reply


class Storm:
    def __init__(self, make, seed):
        self.seed, self.world = seed, World(seed)
        self.origins = [make.origin(name) for name in ("master", "other", "backup")]
        authority = Authority(make.inside("of origins"))
        self.authority = str(authority.path)
        self.secure = make.origin("secure", tls=server_context(authority.issue("b.wild.test")))
        self.secure.farewell = False
        for origin in [*self.origins, self.secure]:
            origin.default = self.world.answer
        self.seen = {}
        self.lock = threading.Lock()
        disk = make.inside("disk")
        self.site = Secure(make, flags={"origin_rules": "extended", "cache_memory": "16m", "cache_disks": f"{disk}/one:64m", "head_timeout": "5s",
                                        "drain_timeout": "10s"},
                           workers=2)  # fmt: skip
        self.server = self.site.server
        self.hosts = ["edge.test", "a.wild.test", "b.wild.test"]
        self.change(random.Random(f"{seed}/first"))
        unasked = [("Cache-Control", "only-if-cached")]  # the origins
        wait_until(lambda: all(self.server.get("/0", host=host, fields=unasked).status != 421 for host in self.hosts),
                   "the domains")  # fmt: skip
        self.end = threading.Event()

    def change(self, dice):
        """Other settings for each of the domains, and perhaps other origins."""
        made = []
        for host in self.hosts:
            servers = [*self.origins[:2]] if dice.random() < 0.5 else [dice.choice(self.origins[:2])]
            crawl = {"min_rate": "1k", "min_rate_window": "1s"}
            options = {"idle_timeout": "2s", "head_timeout": "2s", **crawl}
            master, backup = origin_of(servers, **options), origin_of(self.origins[2], **options)
            if host == "b.wild.test" and dice.random() < 0.7:
                master = origin_of(self.secure, protocol="https", tls={"ca": self.authority}, **options)
            fields = {
                "cache": {"mode": dice.choice(("on", "on", "on", "off"))},
                "fill": {"ahead": dice.choice(("1m", "8m")), "finish_bytes": dice.choice(("0", "8m"))},
                "stale": {"while_revalidate": dice.choice(("0s", "10s")), "wait_ms": dice.choice((50, 1000))},
                "resume": {"attempts": dice.choice((0, 1, 3))},
                "debug": dice.choice(("on", "off")),
            }
            if dice.random() < 0.5:
                fields["hedge"] = {"after": dice.choice(("p50", "p90")), "budget": "50%"}
            made.append(domain(master, backup, name=host, **fields))
        self.server.write_domains(made)

    def disturb(self):
        dice = random.Random(f"{self.seed}/disturb")
        while not self.end.wait(0.15):
            drawn, number = dice.random(), dice.randrange(dice.choice((3, 15, FILES)))
            if drawn < 0.3:
                self.world.versions[number] += 1
            elif drawn < 0.7:
                host, mode = dice.choice(self.hosts), dice.choice(("hard", "soft"))
                what, value = dice.choice((("url", f"http://{host}/{number}"), ("prefix", f"http://{host}/{number % 7}"),
                                           ("domain", host), ("tag", f"t{number % 5}")))  # fmt: skip
                with contextlib.suppress(ConnectionError, TimeoutError, FileNotFoundError):  # an upgrade has the socket
                    purge(self.server, what, value, mode=mode, of=host if what == "tag" else None)
            elif drawn < 0.85:
                self.change(dice)
            elif drawn < 0.95:
                origin = dice.choice(self.origins)
                origin.down()
                time.sleep(0.2)
                origin.up()
            elif drawn < 0.97:
                self.server.signal(signal.SIGHUP)
                time.sleep(1)

    # Clients.

    def draw(self, dice, host=None):
        """(method, path, host, fields) of a request, for a host if one is given."""
        kind = dice.choice(self.world.kinds[: dice.choice((3, 15, FILES))])
        path = kind.path + ("?q=1" if dice.random() < 0.1 else "")
        fields = [("X-Side", dice.choice(SIDES)), ("X-User", f"u{dice.randrange(1 << 30)}")]
        method = dice.choice(["GET"] * 17 + ["HEAD", "HEAD", dice.choice(("POST", "DELETE", "OPTIONS"))])
        size = kind.size + 5
        first = dice.randrange(size)
        part = dice.choice((None, None, None, f"{first}-", f"{first}-{first + 9}", f"-{first}", f"0-{first}", "0-0,5-6",
                            f"{size * 2}-"))  # fmt: skip
        if part and method != "POST":
            fields.append(("Range", f"bytes={part}"))
        said = dice.choice((None, None, None, None, ("Cache-Control", "no-cache"), ("Cache-Control", "only-if-cached"),
                            ("Cache-Control", "max-age=0"), ("If-None-Match", '"1", "2"'), ("If-None-Match", "*"),
                            ("If-Modified-Since", date(-50_000)), ("If-Range", '"x"'), ("TE", "trailers"),
                            ("Cache-Control", "no-store")))  # fmt: skip
        return method, path, host or dice.choice(self.hosts), fields + ([said] if said else [])

    def note(self, what):
        with self.lock:
            self.seen[what] = self.seen.get(what, 0) + 1

    def judge(self, asked, status, fields, body, is_whole):
        """`fields` has names in lower case."""
        method, path, _, sent = asked
        self.note(f"{status} {'whole' if is_whole else 'broken'}")
        version = fields.get("x-version")
        if status not in (200, 206) or version is None:
            return
        number, _, side, user, size = version.split("/")
        sent = dict(sent)
        assert path.partition("?")[0] == f"/{number}", (asked, version)
        assert side in ("-", sent["X-Side"]) and user in ("-", sent["X-User"]), (asked, version)
        first, end = 0, int(size)
        if status == 206 and "content-range" not in fields:
            return  # of several parts
        if status == 206:
            told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", fields["content-range"])
            first, end = int(told[1]), int(told[2]) + 1
            assert told[3] == size, (asked, version, fields)
        right = content.generate(version, first, end - first) if method != "HEAD" else b""
        if is_whole:
            assert body == right, f"{asked}: {len(body)} bytes are not {version} from {first} to {end}"
        else:
            assert right.startswith(body), f"{asked}: {len(body)} bytes are no part of {version} from {first}"

    def judge_response(self, asked, response, is_whole=True):
        fields = {name.lower(): value for name, value in response.fields}
        self.judge(asked, response.status, fields, response.body, is_whole)

    def judge_broken(self, asked, broken):
        assert broken.how != "timeout", f"{asked} stood still: {broken}"
        if broken.response is not None:
            self.judge_response(asked, broken.response, False)
        else:
            self.note(f"no head, {broken.how}")

    def connect(self, dice, **options):
        """A connection, and the host that it is for where it has a name."""
        if dice.random() < 0.4:
            name = dice.choice(self.hosts)
            return self.site.connect(name, self.site.context(), timeout=STUCK_S, **options), name
        return self.server.connect(timeout=STUCK_S, **options), None

    def ask_http1(self, dice):
        """A few requests on one connection, perhaps at once."""
        slow = dice.random() < 0.1
        client, name = self.connect(dice, **({"receive_buffer": 4096} if slow else {}))
        with client:
            asks = [self.draw(dice, name) for _ in range(dice.choice((1, 1, 2, 4)))]
            if slow and dice.random() < 0.7:
                asks = [("GET", self.world.kinds[0].path, name or dice.choice(self.hosts), asks[0][3][:2])]
            is_pipelined = dice.random() < 0.3
            for ask in asks if is_pipelined else []:
                self.send(client, ask)
            for ask in asks:
                if not is_pipelined:
                    self.send(client, ask)
                try:
                    response = client.response(ask[0], pause=(lambda: time.sleep(0.001)) if slow else None)
                except wire.Truncated as broken:
                    return self.judge_broken(ask, broken)
                self.judge_response(ask, response)
                if "close" in response.fields.tokens("Connection"):
                    return None
        return None

    @staticmethod
    def send(client, asked):
        method, path, host, fields = asked
        client.request(method, path, host=host, fields=fields, body=b"x" * 5000 if method == "POST" else None)

    def ask_http10(self, dice):
        ask = self.draw(dice)
        method, path, host, fields = ask
        with self.server.connect(timeout=STUCK_S) as client:
            client.request(method, path, host=host, fields=fields, body=b"x" if method == "POST" else None, version="1.0")
            try:
                self.judge_response(ask, client.response(method))
            except wire.Truncated as broken:
                self.judge_broken(ask, broken)

    def ask_http2(self, dice):
        """Several streams at once, some of which are given up."""
        tls, address, name = {}, self.server.address, None
        if dice.random() < 0.6:
            name = dice.choice(self.hosts)
            tls, address = {"tls": self.site.context(), "name": name}, ("127.0.0.1", self.site.port)
        window = dice.choice((None, None, None, 1, 1000))
        with h2wire.Connection(address, window=None if window is None else 20_000, timeout=STUCK_S, **tls) as connection:
            asks = {}
            for _ in range(dice.choice((1, 3, 8))):
                method, path, host, fields = ask = self.draw(dice, name)
                lower = [(name.lower(), value) for name, value in fields]
                stream = connection.request(method, path, host, lower, b"x" * 5000 if method == "POST" else b"")
                asks[stream] = ask
            for stream in [stream for stream in asks if dice.random() < 0.15]:
                connection.send(h2wire.frame(h2wire.RST_STREAM, 0, stream, struct.pack(">I", h2wire.CANCEL)))
                del asks[stream]
            until = time.monotonic() + STUCK_S
            while not all(connection.streams[stream].is_over for stream in asks) and not connection.end:
                assert time.monotonic() < until, f"{asks} stood still"
                connection.step(0.05 if window else until - time.monotonic())
                for stream in asks if window else []:
                    if not connection.streams[stream].is_over:
                        connection.window(stream, 100_000)
                        connection.window(0, 100_000)
            for stream, ask in asks.items():
                got = connection.streams[stream]
                if not got.heads or got.heads[-1][0][1].startswith("1"):
                    self.note("no head, h2")
                    continue
                self.judge(ask, got.status, got.fields, bytes(got.body), got.is_whole)

    def leave(self, dice):
        """Goes away in the middle of something."""
        client, name = self.connect(dice)
        with client:
            self.send(client, self.draw(dice, name))
            if dice.random() < 0.7:
                client.sock.settimeout(0.3)
                with contextlib.suppress(TimeoutError):
                    client.sock.recv(dice.choice((1, 1000, 100_000)))
            if dice.random() < 0.5:
                client.abort()

    def act(self, number):
        dice = random.Random(f"{self.seed}/{number}")
        for _ in range(self.count // CROWD):
            what = dice.choice((self.ask_http1, self.ask_http1, self.ask_http1, self.ask_http10, self.ask_http2, self.ask_http2,
                                self.leave))  # fmt: skip
            try:
                what(dice)
            except (ConnectionError, ssl.SSLError) as error:
                self.note(type(error).__name__)  # an edge that drains resets who comes to it late

    def run(self, count):
        self.count = count
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            disturber = pool.submit(self.disturb)
            try:
                crowd(CROWD, self.act)
            finally:
                self.end.set()
            disturber.result()


def check(make, count):
    seed = int(os.environ.get("STORM_SEED", random.SystemRandom().randrange(1 << 30)))
    count = int(os.environ.get("STORM_ACTIONS", count))
    print(f"STORM_SEED={seed} STORM_ACTIONS={count}")
    storm = Storm(make, seed)
    storm.run(count)
    print(storm.seen)
    storm.server.assert_healthy()
    few = {what: times for what, times in storm.seen.items() if "whole" not in what and "broken" not in what}
    assert sum(few.values()) <= count // 50, storm.seen
    whole = sum(times for what, times in storm.seen.items() if what in ("200 whole", "206 whole"))
    assert whole > count // 4, storm.seen
    bad = re.compile("ended by signal|refused, the old ones stay|goes on without its disk")
    assert not [line for line in storm.server.lines if bad.search(line)], storm.server.text


def test_everything_at_once(make):
    check(make, ACTIONS)


@pytest.mark.soak
def test_everything_at_once_for_long(make):
    check(make, SOAK)
