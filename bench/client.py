"""Single requests, and the contents that the origins have."""
import dataclasses
import random
import string
import struct

HOST = "bench.test"


@dataclasses.dataclass(frozen=True)
class Content:
    path: str
    body: bytes = dataclasses.field(repr=False)


def noise(path, size):
    return Content(path, random.Random(size).randbytes(size))


PASS = noise("/pass/1k", 1024)
# Passed through as well, and called streams of events: those are never held back.
EVENTS = {"1k": noise("/events/1k", 1024), "100k": noise("/events/100k", 102400), "10m": noise("/events/10m", 10485760)}
HITS = {"1k": noise("/hit/1k", 1024), "16k": noise("/hit/16k", 16384),
        "100k": noise("/hit/100k", 102400), "10m": noise("/hit/10m", 10485760)}
READY = Content("/ready", (string.ascii_lowercase * 40)[:1024].encode())  # as crowd.c has it


def fetch(connection, content):
    """One request and its whole response; ValueError when it is not what it must be."""
    connection.sendall(f"GET {content.path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    got = bytearray()
    head_end = -1
    while head_end < 0 or len(got) < head_end + 4 + len(content.body):
        piece = connection.recv(1 << 20)
        if not piece:
            raise ValueError("the connection was closed in the middle of a response")
        got += piece
        head_end = got.find(b"\r\n\r\n") if head_end < 0 else head_end
    if not got.startswith(b"HTTP/1.1 200") or got[head_end + 4:] != content.body:
        raise ValueError(f"not the response that it must be: {bytes(got[:60])!r}")


# Frames of HTTP/2 (RFC 9113 section 6), as far as one request needs them.
H2_DATA, H2_HEADERS, H2_SETTINGS, H2_GOAWAY = 0, 1, 4, 7
H2_END_STREAM, H2_ACK, H2_END_HEADERS = 1, 1, 4


def h2_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def h2_begin(connection):
    """The client's beginning, until the server has acknowledged it."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2_frame(H2_SETTINGS, 0, 0))
    for kind, flags, _ in h2_frames(connection):
        if kind == H2_SETTINGS and flags & H2_ACK:
            return
        if kind == H2_SETTINGS:
            connection.sendall(h2_frame(H2_SETTINGS, H2_ACK, 0))


def h2_frames(connection):
    got = bytearray()
    while True:
        while len(got) >= 9 and len(got) >= 9 + (length := int.from_bytes(got[:3], "big")):
            yield got[3], got[4], bytes(got[9:9 + length])
            del got[:9 + length]
        piece = connection.recv(1 << 16)
        if not piece:
            raise ValueError("the connection was closed")
        got += piece


def h2_fetch(connection, content):
    """The first request of a connection, and its whole response; ValueError when it is not what it must be."""
    block = b"\x82\x87"  # :method GET, :scheme https
    for index, value in ((0x44, content.path), (0x41, HOST), (0x7A, "bench/1"), (0x53, "*/*")):
        block += bytes([index, len(value)]) + value.encode()  # to be remembered, as clients have it
    connection.sendall(h2_frame(H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, 1, block))
    body = b""
    for kind, flags, payload in h2_frames(connection):
        if kind == H2_HEADERS and b"\x88" not in payload[:6]:
            raise ValueError("not the response that it must be")
        body += payload if kind == H2_DATA else b""
        if kind in (H2_HEADERS, H2_DATA) and flags & H2_END_STREAM:
            break
    if body != content.body:
        raise ValueError("not the body that it must be")
