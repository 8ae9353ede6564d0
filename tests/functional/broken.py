"""Files whose origin breaks off in the middle of them, as it is told; and what clients of every kind get of that."""
import hashlib
import re

import content
import h2wire
import wire
from caching import fields_of
from origin import Generated, Reply

# How a body breaks off: FIN, reset, silence, what is no HTTP (only between chunks can that be told), bytes that come too
# slowly. An origin in TLS whose `farewell` is off ends without close_notify by "close".
HOWS = ("close", "reset", "hang", "garble", "crawl")
SLOW = {"drip_bytes": 1, "drip_s": 0.1}


class File:
    """A versioned file with ranges. `breaks` are (how, place in the file): each befalls the first pull that comes to its
    place. `later`, if it is set, answers every pull but the first, or None to go on as before. `delay` is before the first
    answer, so that others can join it: pieces come one after another, and would have it each."""

    def __init__(self, size, *, seed="file", etag='"1"', modified=None, lines=(), framing="length", breaks=(), coding=None,
                 ranges=True, later=None, delay=0.0, type=None):  # fmt: skip
        self.size, self.seed, self.etag, self.modified = size, seed, etag, modified
        self.lines, self.framing, self.coding = tuple(lines), framing, coding
        self.breaks, self.later, self.ranges, self.delay = list(breaks), later, ranges, delay
        self.type = type
        self.pulls = []  # (Range, If-Range) of each

    @property
    def digest(self):
        return content.digest(self.seed, self.size)

    def bytes(self, first=0, last=None):
        return content.generate(self.seed, first, (self.size if last is None else last + 1) - first)

    def fields(self):
        lines = [*self.lines]
        lines += [f"ETag: {self.etag}"] if self.etag else []
        lines += [f"Last-Modified: {self.modified}"] if self.modified else []
        lines += [f"Content-Encoding: {self.coding}"] if self.coding else []
        lines += [f"Content-Type: {self.type}"] if self.type else []
        return list(fields_of(lines))

    def _take_break(self, first, end):
        """The break that befalls a pull of these bytes. Of chunks the last one may be missing; of a length it may not."""
        for at, (how, place) in enumerate(self.breaks):
            if first <= place < end or (place == end and self.framing != "length"):
                return self.breaks.pop(at)
        return None

    def __call__(self, request):
        self.pulls.append((request.fields.get("Range"), request.fields.get("If-Range")))
        if len(self.pulls) > 1 and self.later:
            reply = self.later(request)
            if reply is not None:
                return reply
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.fields.get("Range", ""))
        condition = request.fields.get("If-Range")
        holds = condition is None or condition in (self.etag, self.modified)
        first, end, status, fields = 0, self.size, 200, self.fields()
        if asked and self.ranges and holds and int(asked.group(1)) < self.size:
            first, end = int(asked.group(1)), min(end, int(asked.group(2) or end) + 1)
            status = 206
            fields.append(("Content-Range", f"bytes {first}-{end - 1}/{self.size}"))
        options = {"delay": self.delay if len(self.pulls) == 1 else 0.0, "chunk": 50_000}
        broken = self._take_break(first, end)
        if broken:
            options |= {"cut": "mid_body", "cut_after": broken[1] - first, "how": broken[0], **SLOW}
        return Reply(status=status, fields=tuple(fields), body=Generated(self.seed, end - first, first),
                     framing=self.framing, **options)  # fmt: skip


class Got:
    """What a client got: `end` is "whole", or how that it is not was seen."""

    def __init__(self, status, fields, body, end):
        self.status, self.fields, self.body, self.end = status, fields, bytes(body), end

    @property
    def is_whole(self):
        return self.end == "whole"

    @property
    def digest(self):
        return hashlib.sha256(self.body).hexdigest()

    def __repr__(self):
        return f"<{self.status} {self.end} {len(self.body)} bytes {dict(self.fields)}>"


CLIENTS = ("1.0", "1.1", "h2")


def ask(server, path, host="edge.test", kind="1.1", fields=(), timeout=40):
    """A GET by a client of a kind, whatever becomes of it."""
    if kind == "h2":
        with h2wire.Connection(server.address, timeout=timeout) as connection:
            lower = [(name.lower(), value) for name, value in fields]
            stream = connection.get(path, host=host, fields=lower)
            if not stream.heads:
                return Got(0, {}, b"", f"reset {stream.reset}")
            told = {name.title(): value for name, value in stream.fields.items()}
            return Got(stream.status, told, stream.body, "whole" if stream.is_whole else f"reset {stream.reset}")
    try:
        got = server.get(path, host=host, version=kind, fields=fields, timeout=timeout)
        return Got(got.status, dict(got.fields), got.body, "whole")
    except wire.Truncated as broken:
        if broken.response is None:
            return Got(0, {}, b"", broken.how)
        return Got(broken.response.status, dict(broken.response.fields), broken.response.body, broken.how)
