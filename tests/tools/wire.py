"""HTTP/1 on the wire, read as strictly as RFC 9112 allows: for the origin, which must see only clean
requests, and for the client, which must see only clean responses. No I/O here.
"""
import re

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/(1\.[01])\Z")
STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
LENGTH = re.compile(rb"[0-9]{1,19}\Z")
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\Z")


class WireError(Exception):
    """The peer wrote something that HTTP/1 does not allow."""


class Truncated(WireError):
    """The connection ended in the middle of a message; `how` is "fin", "rst" or "timeout"."""

    def __init__(self, how, message, response=None):
        super().__init__(f"{message} ({how})")
        self.how = how
        self.response = response


class Fields(list):
    """Field lines in their order, as (name, value) texts."""

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, default=None):
        """The only value of a field; several are an error, so that no test overlooks them."""
        values = self.all(name)
        if len(values) > 1:
            raise WireError(f"{name} came {len(values)} times: {values}")
        return values[0] if values else default

    def tokens(self, name):
        members = ",".join(self.all(name)).split(",")
        return [member.strip().lower() for member in members if member.strip()]

    def __contains__(self, name):
        return any(key.lower() == name.lower() for key, _ in self)


def parse_fields(lines):
    fields = Fields()
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.match(name) or not VALUE.match(value):
            raise WireError(f"bad field line {line[:200]!r}")
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    return fields


def split_head(data):
    """(head with its empty line, what follows), or None while the end is not there."""
    end = data.find(b"\r\n\r\n")
    return None if end < 0 else (bytes(data[: end + 4]), bytes(data[end + 4 :]))


def head_lines(raw):
    lines = raw[:-4].split(b"\r\n")
    for line in lines:
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise WireError(f"bare CR, LF or NUL in {line[:200]!r}")
    return lines


def parse_request_head(raw):
    """(method, target, version, fields) of the whole bytes of a request head."""
    lines = head_lines(raw)
    line = REQUEST_LINE.match(lines[0])
    if not line:
        raise WireError(f"bad request line {lines[0][:200]!r}")
    method, target, version = (part.decode("latin-1") for part in line.groups())
    fields = parse_fields(lines[1:])
    if version == "1.1" and len(fields.all("Host")) != 1:
        raise WireError(f"{len(fields.all('Host'))} Host fields")
    return method, target, version, fields


def parse_response_head(raw):
    """(status, reason, version, fields) of the whole bytes of a response head."""
    lines = head_lines(raw)
    line = STATUS_LINE.match(lines[0])
    if not line:
        raise WireError(f"bad status line {lines[0][:200]!r}")
    version, status, reason = line.groups()
    fields = parse_fields(lines[1:])
    return int(status), (reason or b"").decode("latin-1"), version.decode(), fields


def declared_length(fields):
    lengths = fields.all("Content-Length")
    if not lengths:
        return None
    if len(lengths) != 1 or not LENGTH.match(lengths[0].encode("latin-1")):
        raise WireError(f"Content-Length {lengths}")
    return int(lengths[0])


def request_body(version, fields):
    """A Body for what follows a request head."""
    length = declared_length(fields)
    codings = fields.all("Transfer-Encoding")
    if not codings:
        return Body("length", length or 0)
    if codings != ["chunked"] or length is not None or version == "1.0":
        raise WireError(f"Transfer-Encoding {codings}, Content-Length {length}, HTTP/{version}")
    return Body("chunked")


def response_body(method, status, version, fields):
    """A Body for what follows a response head."""
    length = declared_length(fields)
    codings = fields.all("Transfer-Encoding")
    if codings and length is not None:
        raise WireError("Transfer-Encoding and Content-Length in one response")
    if codings and (codings != ["chunked"] or version == "1.0"):
        raise WireError(f"Transfer-Encoding {codings} in HTTP/{version}")
    if status in (204,) and (codings or length is not None):
        raise WireError("a 204 that declares a body")
    if method == "HEAD" or status < 200 or status in (204, 304):
        return Body("length", 0)
    if codings:
        return Body("chunked")
    return Body("close") if length is None else Body("length", length)


class Body:
    """Reads one body: `feed` takes bytes and gives (content, leftover)."""

    def __init__(self, framing, length=0):
        self.framing = framing
        self.left = length
        self.whole = framing == "length" and length == 0
        self.chunk_sizes = []
        self.trailers = Fields()
        self.count = 0
        self._buffer = b""
        self._state = "line"

    def feed(self, data):
        if self.whole:
            return b"", data
        if self.framing == "chunked":
            content, rest = self._feed_chunked(data)
        elif self.framing == "length":
            content, rest = data[: self.left], data[self.left :]
            self.left -= len(content)
            self.whole = self.left == 0
        else:
            content, rest = data, b""
        self.count += len(content)
        return content, rest

    def end(self):
        """The peer sent FIN: true when the body is whole by that."""
        if self.framing == "close":
            self.whole = True
        return self.whole

    def _line(self):
        """Takes a line off the buffer, or gives None."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > 65536 or b"\n" in self._buffer:
                raise WireError(f"bad line in a chunked body {self._buffer[:100]!r}")
            return None
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        if b"\n" in line or b"\r" in line:
            raise WireError(f"bare CR or LF in a chunked body {line[:100]!r}")
        return line

    def _feed_chunked(self, data):
        self._buffer += data
        content = []
        while not self.whole:
            if self._state == "data":
                piece, self._buffer = self._buffer[: self.left], self._buffer[self.left :]
                content.append(piece)
                self.left -= len(piece)
                if self.left:
                    break
                self._state = "after"
            line = self._line()
            if line is None:
                break
            self._step(line)
        rest = b""
        if self.whole:
            rest, self._buffer = self._buffer, b""
        return b"".join(content), rest

    def _step(self, line):
        if self._state == "after":
            if line:
                raise WireError(f"no CRLF after a chunk but {line[:100]!r}")
            self._state = "line"
        elif self._state == "line":
            match = CHUNK_LINE.match(line)
            if not match:
                raise WireError(f"bad chunk line {line[:100]!r}")
            self.left = int(match.group(1), 16)
            self.chunk_sizes.append(self.left)
            self._state = "data" if self.left else "trailer"
        elif line:
            self.trailers.extend(parse_fields([line]))
        else:
            self.whole = True
