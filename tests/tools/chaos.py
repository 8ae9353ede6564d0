"""Chaos that can be repeated: random requests and random answers drawn from a seed, and the rules by which what came
of them is judged. An answer names itself in X-Answer and has a body of its own (content.py), so that a single byte of
another message is seen. No I/O here.
"""
import dataclasses
import random

import content
from origin import GARBAGE, TRUNCATIONS, Generated, Reply

# What an edge may say of origins that fail, to a client that did nothing wrong.
ORIGIN_FAULTS = {
    "dns", "connect_refused", "connect_reset", "connect_unreachable", "connect_timeout", "head_timeout", "reset",
    "closed", "malformed", "truncated", "body_timeout", "stale_connection", "queue_full", "queue_timeout",
    "all_blocked", "no_address", "attempts", "budget",
}  # fmt: skip

SAFE = ("GET", "HEAD", "OPTIONS")
SMUGGLED = "smuggled"  # no origin may ever see it in a path

# Heads that must be refused, whatever else is true. %(host)s is a name that is served.
MALFORMED = {
    "a length and a coding": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
    "a list of lengths": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 4, 5\r\n\r\n",
    "a signed length": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: +4\r\n\r\n",
    "an endless length": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "an unknown coding": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "chunked is not last": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
    "chunked twice": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a vertical tab before the coding": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /m HTTP/1.0\r\nHost: %(host)s\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a space before the colon": b"POST /m HTTP/1.1\r\nHost: %(host)s\r\nContent-Length : 4\r\n\r\n",
    "an obs-fold": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nX-A: b\r\n c\r\n\r\n",
    "a folded first line": b"GET /m HTTP/1.1\r\n Host: %(host)s\r\n\r\n",
    "a bare LF": b"GET /m HTTP/1.1\r\nHost: %(host)s\nX-A: b\r\n\r\n",
    "only bare LFs": b"GET /m HTTP/1.1\nHost: %(host)s\n\n",
    "a bare CR": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nX-A: b\rX-B: c\r\n\r\n",
    "a NUL": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nX-A: b\0c\r\n\r\n",
    "a control byte in the target": b"GET /m\x01 HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "a space in the target": b"GET /m m HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "a byte beyond ASCII in the target": b"GET /\xe9 HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "no host": b"GET /m HTTP/1.1\r\nX-A: b\r\n\r\n",
    "an empty host": b"GET /m HTTP/1.1\r\nHost:\r\n\r\n",
    "two hosts": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nHost: %(host)s\r\n\r\n",
    "a host with a user": b"GET /m HTTP/1.1\r\nHost: a@%(host)s\r\n\r\n",
    "a host with a path": b"GET /m HTTP/1.1\r\nHost: %(host)s/x\r\n\r\n",
    "a method with a colon": b"G:T /m HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "no method": b" /m HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "no version": b"GET /m\r\nHost: %(host)s\r\n\r\n",
    "a version that never was": b"GET /m HTTP/2.0\r\nHost: %(host)s\r\n\r\n",
    "a version in lower case": b"GET /m http/1.1\r\nHost: %(host)s\r\n\r\n",
    "a target that is no path": b"GET m HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "almost the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
    "a TLS handshake": b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + bytes(range(64)) + b"\r\n\r\n",
    "a field without a colon": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nnonsense\r\n\r\n",
    "a field without a name": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\n: b\r\n\r\n",
    "a target without end": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: %(host)s\r\n\r\n",
    "a head without end": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nX-A: " + b"a" * 70000 + b"\r\n\r\n",
    "a flood of fields": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\n" + b"X-A: b\r\n" * 300 + b"\r\n",
    "an expectation": b"GET /m HTTP/1.1\r\nHost: %(host)s\r\nExpect: a miracle\r\n\r\n",
}  # fmt: skip

# How a chunked body goes wrong in its middle.
BAD_CHUNKS = [
    b"xyz\r\n", b"-1\r\n", b"0x4\r\nabcd\r\n", b"4\nabcd\r\n", b"4\r\nabcdef\r\n", b"fffffffffffffffff\r\n",
    b"4 4\r\nabcd\r\n", b"4;a=\0\r\nabcd\r\n", b"4\rabcd\r\n", b"\r\n", b"0\r\nX A: b\r\n\r\n", b"0\r\nX: b\n\r\n",
]  # fmt: skip


@dataclasses.dataclass
class Ask:
    """One request: what is sent, and what its answer is measured by."""

    uid: str
    host: str
    method: str = "GET"
    version: str = "1.1"
    up: int = -1  # bytes of the body; -1: none at all
    chunk: int = 0  # of a chunked body; 0: it has a length
    fields: tuple = dataclasses.field(default=(), repr=False)
    is_absolute: bool = False
    is_whole: bool = True  # the body is sent to its end

    @property
    def target(self):
        return f"http://{self.host}/{self.uid}" if self.is_absolute else f"/{self.uid}"

    def head(self):
        lines = [f"{self.method} {self.target} HTTP/{self.version}", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.up >= 0:
            lines.append("Transfer-Encoding: chunked" if self.chunk else f"Content-Length: {self.up}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def content(self):
        return content.generate(f"up:{self.uid}", 0, max(self.up, 0))

    def body(self):
        """The body as it is sent."""
        data = self.content()
        if not self.chunk:
            return data
        dice = random.Random(self.uid)
        parts = []
        for at in range(0, len(data), self.chunk):
            piece = data[at : at + self.chunk]
            parts.append(b"%x%s\r\n%s\r\n" % (len(piece), dice.choice([b"", b"", b";a=b", b';a="b;\\"c"']), piece))
        return b"".join(parts) + b"0\r\n" + dice.choice([b"", b"X-Sum: 1\r\n"]) + b"\r\n"


def draw_ask(dice, uid, host, methods=SAFE + ("GET",) * 6 + ("POST", "PUT", "PATCH", "DELETE", "POST"), up_max=300_000):
    """A random request that is right in every way."""
    ask = Ask(uid, host, dice.choice(methods))
    if ask.method not in SAFE or dice.random() < 0.03:
        ask.up = min(up_max, dice.choice([-1, 0, 1, 100, 5000, 20_000, 65_536, 70_000, 300_000]))
        ask.chunk = dice.choice([0, 0, 1000, 20_000, 100_000]) if ask.up >= 0 else 0
        if 0 <= ask.up <= 100:
            ask.chunk = dice.choice([0, 1, 7])
    fields = [("X-Filler", "f" * dice.choice([0, 0, 10, 1000, 6000]))]
    if dice.random() < 0.1:
        fields.append(("If-None-Match", '"a"'))
    if dice.random() < 0.1:
        fields += [("X-Hop", "1"), ("Connection", "X-Hop")]
    ask.fields = tuple(fields)
    ask.is_absolute = dice.random() < 0.05
    return ask


@dataclasses.dataclass
class Given:
    """What an origin was told to answer."""

    kind: str
    is_sound: bool  # nothing about it is wrong


class Answers:
    """What one origin answers: a function of requests, for Origin.default."""

    def __init__(self, seed, name, share):
        self.seed = seed
        self.name = name
        self.share = share  # of answers that go wrong
        self.given = {}
        self._asked = {}

    def __call__(self, request):
        uid = request.path.lstrip("/")
        number = self._asked[uid] = self._asked.get(uid, -1) + 1
        identity = f"{uid}/{self.name}/{number}"
        dice = random.Random(f"{self.seed}/{identity}")
        is_sound = dice.random() >= self.share
        kind = dice.choice(SOUND if is_sound else WRONG)
        reply = kind(dice, identity, request)
        self.given[identity] = Given(kind.__name__.strip("_"), is_sound)
        return reply


def _answer(dice, identity, size, status=200, told=None, **options):
    """A right answer of a random form."""
    version = dice.choice(["1.1"] * 9 + ["1.0"])
    framing = options.pop("framing", dice.choice(["length", "length", "chunked", "close"]))
    if status in (204, 304):
        framing, size = "none", 0
    if framing == "chunked":
        version = "1.1"
    fields = (("X-Answer", f"{identity}/{status}/{size if told is None else told}"), ("Server", "chaos"))
    values = dict(
        status=status, body=Generated(identity, size), framing=framing, version=version, fields=fields,
        chunk=dice.choice([1000, 16384, 100_000]), extension=dice.choice(["", "", ";a=b"]),
        trailers=dice.choice([(), (), (("X-Trailer", "1"),)]), keep=dice.random() < 0.9,
        expect=dice.choice(["continue", "ignore"]),
    )  # fmt: skip
    return Reply(**{**values, **options})


def _size(dice):
    return dice.choice([0, 1, 100, 1000, 5000, 16_384, 65_535, 65_536, 65_537, 200_000])


def _plain(dice, identity, request):
    return _answer(dice, identity, _size(dice), dice.choice([200, 200, 200, 201, 203, 301, 404]))


def _empty(dice, identity, request):
    is_conditional = "If-None-Match" in request.fields
    return _answer(dice, identity, 0, 304 if is_conditional else 204)


def _delayed(dice, identity, request):
    return _answer(dice, identity, _size(dice), delay=dice.random() * 0.3)


def _large(dice, identity, request):
    return _answer(dice, identity, dice.choice([1 << 20, 3_000_001]))


def _after_hints(dice, identity, request):
    return _answer(dice, identity, _size(dice), interim=dice.choice([(103,), (100, 103), (102, 103, 103), (100,) * 16]))


def _dripped(dice, identity, request):
    return _answer(dice, identity, 5000, drip="body", drip_bytes=dice.choice([100, 1000, 1448]), drip_s=0.01,
                   chunk=dice.choice([10, 1000]))  # fmt: skip


def _small_chunks(dice, identity, request):
    return _answer(dice, identity, 5000, chunk=dice.choice([1, 3, 64]), framing="chunked")


def _early(dice, identity, request):
    return _answer(dice, identity, _size(dice), early=True)


def _error(dice, identity, request):
    return _answer(dice, identity, _size(dice), dice.choice([400, 401, 403, 404, 429, 500, 500, 502, 503, 503, 504]))


def _late(dice, identity, request):
    return _answer(dice, identity, _size(dice), delay=1.5)


def _dripped_head(dice, identity, request):
    return _answer(dice, identity, _size(dice), drip="head", drip_bytes=dice.choice([1, 20]), drip_s=0.05)


def _cut_head(dice, identity, request):
    return _answer(dice, identity, _size(dice), cut=dice.choice(["request", "before", "mid_head"]),
                   how=dice.choice(["close", "reset", "close", "reset", "hang"]))  # fmt: skip


def _cut_body(dice, identity, request):
    size = max(_size(dice), 2)
    after = dice.choice([0, 1, size // 2, size - 1])
    how = dice.choice(["close", "reset", "close", "reset", "hang"])
    framing = dice.choice(["length", "chunked", "close"])
    # Where only the end of the connection tells, nobody can know that there should have been more.
    told = after if framing == "close" and how == "close" else None
    return _answer(dice, identity, size, told=told, framing=framing, cut="mid_body", cut_after=after, how=how)


def _cut_end(dice, identity, request):
    return _answer(dice, identity, _size(dice), cut="end", how=dice.choice(["close", "reset", "hang"]))


def _garbage(dice, identity, request):
    reply = Reply(raw=GARBAGE[dice.choice(list(GARBAGE))], how=dice.choice(["close", "reset", "hang"]))
    # For a request with a condition a 304 is no garbage, and it has no name.
    if reply.raw == GARBAGE["an unsolicited 304"] and "If-None-Match" in request.fields:
        reply = Reply(raw=b"garbage\r\n\r\n")
    return reply


def _broken_body(dice, identity, request):
    return Reply(raw=TRUNCATIONS[dice.choice(list(TRUNCATIONS))], how=dice.choice(["close", "reset"]))


def _too_much(dice, identity, request):
    """A second response behind the first, in one write with it: later nobody could tell whose it is."""
    extra = b"HTTP/1.1 200 OK\r\nX-Answer: nobody/x/0/200/4\r\nContent-Length: 4\r\n\r\nevil"
    return _answer(dice, identity, dice.choice([0, 10, 5000]), framing=dice.choice(["length", "chunked"]),
                   version="1.1", keep=True, chunk=16384, extra=dice.choice([b"x", extra, extra * 3]))  # fmt: skip


def _too_many_hints(dice, identity, request):
    return _answer(dice, identity, _size(dice), interim=(103,) * 17)


SOUND = [_plain] * 12 + [_empty, _delayed, _large, _after_hints, _dripped, _small_chunks, _early]
WRONG = [_error, _error, _late, _dripped_head, _cut_head, _cut_head, _cut_body, _cut_body, _cut_end, _garbage, _garbage,
         _broken_body, _too_much, _too_many_hints]  # fmt: skip


def judge_body(ask, response, is_whole):
    """What is wrong with a response, or the part of one that came; "" when nothing is."""
    name = response.fields.get("X-Answer")
    if name is None:
        # An answer of TRUNCATIONS: nobody may take it for whole.
        if is_whole and ask.method != "HEAD":
            return f"an answer without a name came whole: {response}"
        if not b"only this".startswith(response.body):
            return f"an answer without a name has {response.body[:100]!r}"
        return ""
    identity, status, size = name.rsplit("/", 2)
    if identity.split("/")[0] != ask.uid:
        return f"the answer of another request: {name}"
    if int(status) != response.status:
        return f"{name} came as {response.status}"
    expected = content.generate(identity, 0, int(size))
    if not is_whole:
        longer = content.generate(identity, 0, max(int(size), response.size))
        return "" if longer.startswith(response.body) else f"{name}: other bytes in the part that came"
    if ask.method == "HEAD" or response.status in (204, 304):
        expected = b""
    if response.body != expected:
        return f"{name} came with {response.size} bytes that are not its own"
    return ""


def judge_error(ask, response, allowed):
    """The same for an error that the edge made."""
    if "X-Answer" in response.fields:
        return f"an error of ours with the name of an answer: {response}"
    if response.status < 400:
        return f"an error of ours with the status {response.status}"
    if response.error not in allowed:
        return f"{response.error} is not to be said here"
    return ""


def judge_delivered(ask, request):
    """What is wrong with a request as an origin got it."""
    if ask is None:
        return "nobody sent this"
    if request.method != ask.method:
        return f"the method became {request.method}"
    for name in ("X-Hop", "Connection", "Transfer-Encoding" if not ask.chunk else "Content-Length"):
        if name in request.fields:
            return f"{name} travelled"
    if "Expect" in request.fields:
        return "Expect travelled"
    if request.whole and not ask.is_whole:
        return "a body that never ended came whole"
    if request.whole and request.body != ask.content():
        return f"another body came, of {request.size} bytes and not {max(ask.up, 0)}"
    return ""
