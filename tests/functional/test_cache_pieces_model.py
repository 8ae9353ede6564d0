"""Random parts of files that change, are purged and break off: every answer is of one version, and says of which.

HEADWATER_SEED repeats a run.
"""
import os
import random
import re
import time

import content
import pytest
import wire
from caching import FRESH, STALE, Site, purge, says, word
from origin import Generated

MIB = 1 << 20
SIZES = [0, 1, 300, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 2 * MIB + 500_000, 3 * MIB, 4 * MIB + 3]


class File:
    """A file whose every version has a number, which its head tells as X-Version."""

    def __init__(self, rng, path):
        self.rng, self.path = rng, path
        self.version, self.sizes, self.least = 0, {}, 0
        self.change()

    def change(self):
        self.version += 1
        rng = self.rng
        self.sizes[self.version] = rng.choice(SIZES)
        self.etag = rng.choice(['"{}"', '"{}"', '"{}"', 'W/"{}"', None])
        self.etag = self.etag and self.etag.format(self.version)
        self.lines = [*rng.choice([[FRESH], [FRESH], STALE, ["Cache-Control: private"]]), f"X-Version: {self.version}"]
        self.has_ranges = rng.random() < 0.8
        self.has_suffixes = rng.random() < 0.8
        self.framing = rng.choice(["length", "length", "chunked"])
        if self.etag:
            self.lines.append(f"ETag: {self.etag}")
        if rng.random() < 0.4:
            self.lines.append("Last-Modified: " + rng.choice(["{now-5000}", "{now}"]))

    def bytes(self, version, first, last):
        return content.generate(f"{self.path} {version}", first, last - first + 1)

    def answer(self, request):
        size, fate = self.sizes[self.version], self.rng.random()
        if fate < 0.04:
            return says(status=503, body=b"down")
        broken = {"cut": "mid_body", "cut_after": self.rng.randrange(size)} if fate < 0.08 and size > 1 else {}
        if self.etag and self.etag in request.fields.get("If-None-Match", ""):
            return says(*self.lines, status=304)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)|bytes=-(\d+)", request.fields.get("Range", ""))
        if asked and asked.group(3) and not self.has_suffixes:
            asked = None
        if not self.has_ranges or not asked or request.fields.get("If-Range", self.etag) != self.etag:
            return says(*self.lines, body=Generated(f"{self.path} {self.version}", size), framing=self.framing, **broken)
        if asked.group(3):
            first, last = max(0, size - int(asked.group(3))), size - 1
        else:
            first, last = int(asked.group(1)), min(size - 1, int(asked.group(2) or size - 1))
        if first >= size:
            return says(f"Content-Range: bytes */{size}", status=416)
        if broken:
            broken["cut_after"] = min(broken["cut_after"], last - first)
        return says(*self.lines, f"Content-Range: bytes {first}-{last}/{size}", status=206,
                    body=self.bytes(self.version, first, last), **broken)  # fmt: skip


def ranges(rng, size):
    """The value of a Range, and what of the file it means, None where that is nothing."""

    def one():
        first = rng.choice([0, 1, MIB - 1, MIB, rng.randrange(max(size, 1)), size, size + 5])
        kind = rng.random()
        if kind < 0.2:
            count = rng.choice([1, 100, MIB, size + 10])
            return f"-{count}", (max(0, size - count), size - 1) if size else None
        if kind < 0.4:
            return f"{first}-", (first, size - 1) if first < size else None
        last = first + rng.choice([0, 99, MIB - 1, MIB, 2 * MIB])
        return f"{first}-{last}", (first, min(last, size - 1)) if first < size else None

    made = [one() for _ in range(rng.choice([1, 1, 1, 1, 2, 3, 5]))]
    return "bytes=" + ", ".join(text for text, _ in made), [meant for _, meant in made if meant]


def parts_of(response):
    """(first, last, size, bytes) of each part of a 206."""
    kind = response.fields.get("Content-Type") or ""
    if not kind.startswith("multipart/byteranges"):
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.fields.get("Content-Range"))
        return [(*map(int, told.groups()), response.body)]
    assert "Content-Range" not in response.fields, "RFC 9110 15.3.7.2"
    boundary = re.search(r"boundary=(\S+)", kind)[1].encode()
    begin, *middle, end = response.body.split(b"\r\n--" + boundary)
    assert begin == b"" and end == b"--\r\n", "RFC 2046 5.1.1"
    parts = []
    for part in middle:
        head, _, rest = part.partition(b"\r\n\r\n")
        told = re.search(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)", head)
        parts.append((*map(int, told.groups()), rest))
    return parts


def examine(file, response, asked):
    if response.status in (503, 502, 504):
        return
    if response.status == 416:
        told = re.fullmatch(r"bytes \*/(\d+)", response.fields.get("Content-Range"))
        assert asked is not None and int(told[1]) in file.sizes.values()
        assert not asked or int(told[1]) != file.sizes[file.version], "RFC 9110 15.5.17"
        return
    version = int(response.fields.get("X-Version"))
    size = file.sizes[version]
    assert version >= file.least, f"version {version} was purged"
    if response.status == 200:
        assert response.size == size and response.digest == content.digest(f"{file.path} {version}", size), "the whole"
        return
    assert response.status == 206 and asked is not None
    for first, last, told, body in parts_of(response):
        assert told == size and body == file.bytes(version, first, last), f"{first}-{last}/{told}"


def run(site, seed, count):
    rng = random.Random(seed)
    base, words, broken = site.path(), {}, 0
    files = {f"{base}/{number}": File(rng, f"{base}/{number}") for number in range(4)}
    site.origin.default = lambda request: files[request.path].answer(request)
    for step in range(count):
        path, file = rng.choice(list(files.items()))
        fate = rng.random()
        if fate < 0.08:
            file.change()
        elif fate < 0.12:
            purge(site.server, "url", f"http://edge.test{path}", mode=rng.choice(["hard", "soft"]))
        elif fate < 0.15:
            purge(site.server, "url", f"http://edge.test{path}")
            file.least = file.version
        lines, asked = [], None
        if rng.random() < 0.7:
            value, asked = ranges(rng, file.sizes[file.version])
            lines.append(f"Range: {value}")
            if rng.random() < 0.3:
                lines.append("If-Range: " + (file.etag or '"x"'))
        if rng.random() < 0.1:
            lines.append("Cache-Control: no-cache")
        method = "HEAD" if rng.random() < 0.1 else "GET"
        try:
            response = site.ask(method, path, *lines)
        except wire.Truncated:
            broken += 1
            continue
        try:
            if method == "GET":
                examine(file, response, asked)
        except AssertionError as error:
            raise AssertionError(f"HEADWATER_SEED={seed}, step {step}: {method} {path} {lines} -> {response.status} "
                                 f"{list(response.fields)}: {error}") from error  # fmt: skip
        words[word(response)] = words.get(word(response), 0) + 1
    return words, broken


@pytest.mark.parametrize("memory", ["64m", "16m"])
def test_every_answer_is_of_one_version(make, memory):
    seed = int(os.environ.get("HEADWATER_SEED", time.time_ns() % 10**9))
    print(f"HEADWATER_SEED={seed}")
    words, broken = run(Site(make, flags={"cache_memory": memory}, workers=2), seed, 400)
    print(words, broken)
    assert {"HIT", "MISS", "PASS", "REVALIDATED"} <= set(words) and broken < 60
