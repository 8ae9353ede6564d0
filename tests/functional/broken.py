"""Files whose origin breaks off in the middle of them, as it is told; and what a client may make of that."""
import hashlib
import re

import content
import wire
from caching import fields_of
from origin import Generated, Reply

HOWS = ("close", "reset", "hang", "garble", "crawl")


class File:
    """A versioned file with ranges. Pull number n (from 0) of it breaks off where breaks[n] says: (how, place), the place in
    the file, or None. Pulls behind the last one are whole."""

    def __init__(self, size, *, seed="file", etag='"1"', modified=None, lines=(), framing="length", breaks=(), coding=None,
                 ranges=True, ignores_range=False, reply=None):  # fmt: skip
        self.size, self.seed, self.etag, self.modified = size, seed, etag, modified
        self.lines, self.framing, self.coding = tuple(lines), framing, coding
        self.breaks = list(breaks)
        self.ranges = ranges  # else every answer is a 200
        self.ignores_range = ignores_range
        self.reply = reply or {}
        self.pulls = []  # (method, Range, If-Range) of each

    @property
    def digest(self):
        return content.digest(self.seed, self.size)

    def part(self, first, last):
        return content.generate(self.seed, first, last - first + 1)

    def _fields(self):
        lines = [*self.lines]
        lines += [f"ETag: {self.etag}"] if self.etag else []
        lines += [f"Last-Modified: {self.modified}"] if self.modified else []
        lines += [f"Content-Encoding: {self.coding}"] if self.coding else []
        return list(fields_of(lines))

    def _holds(self, request):
        told = request.fields.get("If-Range")
        return told is None or told in (self.etag, self.modified)

    def __call__(self, request):
        number = len(self.pulls)
        self.pulls.append((request.method, request.fields.get("Range"), request.fields.get("If-Range")))
        how, place = (self.breaks[number] if number < len(self.breaks) else None) or ("", 0)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.fields.get("Range", ""))
        first, last, status, fields = 0, self.size - 1, 200, self._fields()
        if asked and self.ranges and self._holds(request) and int(asked.group(1)) < self.size:
            first, last, status = int(asked.group(1)), min(last, int(asked.group(2) or last)), 206
            fields.append(("Content-Range", f"bytes {first}-{last}/{self.size}"))
        body = Generated(self.seed, last - first + 1, first)
        options = dict(self.reply)
        if how and place < last + 1 or how and self.framing != "length":
            options |= {"cut": "mid_body", "cut_after": max(0, place - first), "how": how}
        if how == "crawl":
            options |= {"drip_bytes": 1, "drip_s": 0.1}
        return Reply(status=status, fields=tuple(fields), body=body, framing=self.framing, **options)


class Outcome:
    """What a client got."""

    def __init__(self, response, is_whole, how=""):
        self.response, self.is_whole, self.how = response, is_whole, how

    def __repr__(self):
        return f"<{self.response} whole={self.is_whole} {self.how}>"


def ask(server, path, **options):
    """A GET that may end visibly broken."""
    try:
        return Outcome(server.get(path, **options), True)
    except wire.Truncated as broken:
        return Outcome(broken.response, False, broken.how)


def sha(data):
    return hashlib.sha256(data).hexdigest()
