"""What the tests of large objects have in common: a file of which an origin gives parts, and what its pulls have cost."""
import re
import time

import content
from caching import FRESH, says, wait_until
from origin import Generated

MIB = 1 << 20
SIZE = 20 * MIB + 77
PIECE = MIB // 4  # in the small memory of the tests


class File:
    """A file that an origin serves with ranges; `version` is its ETag and its content."""

    def __init__(self, size=SIZE, version="1", lines=(FRESH,), etag='"{}"', modified=None, has_ranges=True, **reply):
        self.size, self.version, self.lines, self.etag = size, version, lines, etag
        self.modified = modified
        self.has_ranges = has_ranges
        self.reply = reply

    def bytes(self, first, last):
        return content.generate(f"file {self.version}", first, last - first + 1)

    def __call__(self, request):
        etag = self.etag.format(self.version) if self.etag else None
        lines = [*self.lines, *([f"ETag: {etag}"] if etag else []),
                 *([f"Last-Modified: {self.modified}", "Date: {now}"] if self.modified else [])]  # fmt: skip
        validator = etag or self.modified
        if etag and etag in request.fields.get("If-None-Match", ""):
            return says(*lines, status=304)
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.fields.get("Range", ""))
        if not self.has_ranges or not asked or request.fields.get("If-Range", validator) != validator:
            return says(*lines, body=Generated(f"file {self.version}", self.size), **self.reply)
        if not asked.group(1):
            return self.suffix(lines, int(asked.group(2)))
        first, last = int(asked.group(1)), min(self.size - 1, int(asked.group(2) or self.size - 1))
        return self.part(lines, first, last)

    def suffix(self, lines, count):
        return self.part(lines, max(0, self.size - count) if count else self.size, self.size - 1)

    def part(self, lines, first, last):
        if first >= self.size:
            return says(f"Content-Range: bytes */{self.size}", status=416)
        return says(*lines, f"Content-Range: bytes {first}-{last}/{self.size}", status=206,
                    body=self.bytes(first, last), **self.reply)  # fmt: skip

    def is_right(self, response):
        """Whether a 206 or a 200 has the bytes of this version that it says it has."""
        if self.etag and response.fields.get("ETag") != self.etag.format(self.version):
            return False
        if response.status == 200:
            return response.digest == content.digest(f"file {self.version}", self.size)
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.fields.get("Content-Range"))
        first, last, size = (int(part) for part in told.groups())
        return size == self.size and response.body == self.bytes(first, last)


def serve(site, **options):
    path = site.path()
    file = File(**options)
    site.origin.on(path, file)
    return path, file


def seek(site, path, first, count=100, *lines, **options):
    return site.get(path, f"Range: bytes={first}-{first + count - 1}", *lines, **options)


def sent(site, path):
    return sum(request.sent for request in site.pulls(path))


def settle(site, path):
    """The client has its bytes before the rest of their piece is there: waits for that."""
    wait_until(lambda: all(request.answered for request in site.pulls(path)), "the end of the pulls")
    time.sleep(0.05)
