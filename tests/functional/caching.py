"""What the tests of the cache have in common: sites whose every path is a story of its own, and the
words in which a response tells what the cache did.

Times are told by Age instead of being waited for: a response that arrives with `Age: 90` and
`max-age=100` has ten seconds left.
"""
import concurrent.futures
import email.utils
import itertools
import json
import re
import socket
import time

from domains import domain, origin_of
from origin import Reply

NOW = re.compile(r"\{now([+-]\d+)?\}")
FRESH = "Cache-Control: max-age=1000"
# Stale when it comes, but kept: it can be validated, and used when the origin fails.
STALE = ("Cache-Control: max-age=100", "Age: 200")


def date(seconds=0):
    """So many seconds from now, as HTTP writes it."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def fields_of(lines):
    """Fields out of lines, where `{now-10}` is a date; a single line needs no list."""
    lines = [lines] if isinstance(lines, str) else lines
    made = []
    for line in lines:
        name, _, value = line.partition(":")
        made.append((name, NOW.sub(lambda match: date(int(match.group(1) or 0)), value.strip())))
    return tuple(made)


def says(*lines, **reply):
    """A Reply with these field lines."""
    return Reply(fields=fields_of(lines), **reply)


def word(response):
    """HIT, MISS, STALE, REVALIDATED or PASS."""
    return response.fields.get("X-Cache")


def status_of(response):
    """Our member of Cache-Status (RFC 9211) as a dict; flags are True."""
    value = response.fields.all("Cache-Status")[-1]
    name, *parameters = [part.strip() for part in value.split(";")]
    assert name == "headwater", value
    parts = [parameter.partition("=") for parameter in parameters]
    return {key: given if equals else True for key, equals, given in parts}


def age(response):
    return int(response.fields.get("Age"))


class Site:
    """A Headwater with one domain for each set of rules, all with one origin that may take its time; every
    path is fresh ground."""

    def __init__(self, make, rules=None, flags=(), **options):
        self.origin = make.origin("master")
        self.domains = []
        for name, fields in (rules or {"edge.test": {}}).items():
            fields = dict(fields)
            patient = {"head_timeout": "5s", "idle_timeout": "3s", **fields.pop("origin", {})}
            self.domains.append(domain(origin_of(self.origin, **patient), name=name, **fields))
        self.server = make.headwater(self.domains, flags, **options)
        self._count = itertools.count()

    def path(self):
        """A path that nobody has asked for yet."""
        return f"/p{next(self._count)}"

    def says(self, path, *lines, **reply):
        self.origin.on(path, says(*lines, **reply))

    def get(self, path, *lines, **options):
        return self.server.get(path, fields=fields_of(lines), **options)

    def ask(self, method, path, *lines, **options):
        return self.server.ask(method, path, fields=fields_of(lines), **options)

    def pulls(self, path):
        """The requests for a path that came to the origin."""
        return self.origin.on_path(path)

    def is_kept(self, path, *lines, host="edge.test"):
        """Whether the cache has something fresh for a request; nobody is asked."""
        response = self.get(path, "Cache-Control: only-if-cached", *lines, host=host)
        assert response.status != 504 or response.error == "only_if_cached", response
        return response.status != 504


class Apart:
    """A Headwater with one domain for each row of a table, each with origins of its own, so that what
    is detected in one row is not known in another."""

    def __init__(self, make, rows, backup=False, flags=(), **options):
        self.hosts = {row: f"row{number}.test" for number, row in enumerate(rows)}
        self.masters = {row: make.origin("master") for row in rows}
        self.backups = {row: make.origin("backup") for row in rows} if backup else {}
        made = []
        for row in rows:
            fields = dict(rows[row] or {})
            master = origin_of(self.masters[row], **fields.pop("origin", {}))
            slave = origin_of(self.backups[row], **fields.pop("backup", {})) if backup else None
            made.append(domain(master, slave, name=self.hosts[row], **fields))
        self.server = make.headwater(made, flags, **options)

    def get(self, row, path="/x", *lines, **options):
        return self.server.get(path, host=self.hosts[row], fields=fields_of(lines), **options)


def versioned(etag, *lines, body=None, not_modified=(), **reply):
    """An origin that knows its version: a 304 with `not_modified` for who has it, else all of it."""

    def answer(request):
        if etag in request.fields.get("If-None-Match", ""):
            return says(f"ETag: {etag}", *not_modified, status=304)
        return says(f"ETag: {etag}", *lines, body=body if body is not None else etag.encode(), **reply)

    return answer


def read_parts(response):
    """The parts of a multipart/byteranges body, as (Content-Range, Content-Type, bytes)."""
    kind = response.fields.get("Content-Type")
    boundary = re.fullmatch(r'multipart/byteranges; ?boundary="?([^"]+)"?', kind).group(1)
    pieces = (b"\r\n" + response.body).split(b"\r\n--" + boundary.encode())
    assert pieces[0] in (b"", b"\r\n") and pieces[-1] in (b"--", b"--\r\n"), (pieces[0], pieces[-1])
    parts = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        parts.append((fields["Content-Range"], fields.get("Content-Type"), body))
    return parts


def crowd(count, run):
    """run(0), run(1), ... at once; their results in this order."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(run, number) for number in range(count)]]


def at_once(server, count, path, *lines, host="edge.test"):
    """So many clients ask for the same before any of them reads; their responses."""
    connections = []
    try:
        for _ in range(count):
            connections.append(server.connect())
        begun = time.monotonic()
        for connection in connections:
            connection.request(target=path, host=host, fields=fields_of(lines))
        responses = []
        for connection in connections:
            responses.append(connection.response())
            responses[-1].seconds = time.monotonic() - begun
        return responses
    finally:
        for connection in connections:
            connection.close()


def read_until(connection, count, within=5.0):
    """Reads until so many bytes of a connection came; how long that took."""
    begun = time.monotonic()
    while len(connection.buffer) < count:
        assert connection._receive(begun + within)
    return time.monotonic() - begun


def wait_until(condition, what, within=5.0):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.01)


def purge(server, what, *values, mode="hard", of=None):
    """Asks the edge's socket; returns how many objects were found at once."""
    request = {"v": 1, "do": "purge", "what": what, "values": list(values), "mode": mode}
    if of is not None:
        request["domain"] = of
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(server.folder / "state" / "edge.socket"))
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    assert answer["ok"], answer
    return answer["purged"]
