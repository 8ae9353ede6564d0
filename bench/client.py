"""Single requests, and the contents that the origins have."""
import dataclasses
import random
import string

HOST = "bench.test"


@dataclasses.dataclass(frozen=True)
class Content:
    path: str
    body: bytes = dataclasses.field(repr=False)


def noise(path, size):
    return Content(path, random.Random(size).randbytes(size))


PASSES = {"1k": noise("/pass/1k", 1024), "100k": noise("/pass/100k", 102400), "10m": noise("/pass/10m", 10485760)}
PASS = PASSES["1k"]
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
