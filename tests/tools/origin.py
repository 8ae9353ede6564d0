#!/usr/bin/python3
"""An origin that misbehaves exactly as it is told, and remembers every byte that it was sent.

In a test:   origin = Origin()                       listens on a free port of 127.0.0.1
             origin.on("/slow", Reply(delay=2))      one path; a list is taken in turn, its last one stays
             origin.default = Reply(status=503)      everything else; also a function of the Request
             origin.down(); origin.up()              refuses connections; accepts them again on the same port
             origin.drop_syn()                       lets connections neither stand nor fail
             origin.requests, origin.connections     what came
             Origin(tls=context)                     the same in TLS; origin.farewell = False ends without close_notify
             origin.stop()

By hand:     origin.py [--port N] [--name TEXT] [--reply JSON]      prints `READY port`, then reads lines of JSON:
             {"path": "/a", "reply": {"status": 503}}   {"do": "down"}   {"do": "up"}   {"do": "drop_syn"}   {"show": "requests"}
"""
import argparse
import asyncio
import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import select
import socket
import ssl
import struct
import sys
import threading
import time
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import content  # noqa: E402
import wire  # noqa: E402

HEAD_MAX = 1 << 20
BODY_KEPT = 1 << 20
REASONS = {
    100: "Continue", 103: "Early Hints", 200: "OK", 201: "Created", 204: "No Content",
    206: "Partial Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    412: "Precondition Failed", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Generated:
    """A body of `size` bytes out of content.generate, from `skip` on."""

    seed: str
    size: int
    skip: int = 0


@dataclasses.dataclass(frozen=True)
class Reply:
    """What the origin does with one request. The default is a plain 200."""

    status: int = 200
    reason: typing.Optional[str] = "-"  # "-": the usual words; "": none; None: not even the space
    fields: tuple = ()
    body: typing.Any = b""  # bytes, Generated, or a function of the whole request that gives either
    framing: str = "length"  # length, chunked, close, none
    version: str = "1.1"
    chunk: int = 16384  # the size of a chunk
    extension: str = ""  # of every chunk, such as ";a=b"
    trailers: tuple = ()
    interim: tuple = ()  # statuses, or bytes, before the head
    echo: bool = False  # the body is a JSON description of the request
    raw: typing.Any = None  # bytes, or a function that yields bytes, in place of all of the above
    extra: bytes = b""  # sent right behind the response, in one write with its last bytes

    delay: float = 0.0  # seconds before the first byte
    drip: str = ""  # "head" or "body": sent drip_bytes at a time, each drip_s seconds
    drip_bytes: int = 1
    drip_s: float = 0.1
    cut: str = ""  # where it goes wrong: request, before, mid_head, mid_body, end
    cut_after: int = 0  # mid_body: after so many bytes of content
    how: str = "close"  # what then happens: close, reset, hang; garble: what is no HTTP, and close;
    # crawl (mid_body): the rest comes, drip_bytes at a time, each drip_s seconds
    early: bool = False  # answers before the request's body was read
    expect: str = "continue"  # Expect: 100-continue is answered by 100; or "ignore"
    keep: bool = True  # whether the connection stays open


@dataclasses.dataclass
class Request:
    """A request as it came."""

    number: int
    connection: int
    at: float  # time.monotonic()
    raw: bytes
    method: str = ""
    target: str = ""
    version: str = ""
    fields: wire.Fields = dataclasses.field(default_factory=wire.Fields)
    body: bytes = b""  # the first BODY_KEPT bytes
    size: int = 0
    digest: str = ""
    trailers: wire.Fields = dataclasses.field(default_factory=wire.Fields)
    whole: bool = False
    sent: int = 0  # bytes of the response written so far
    answered: float = 0.0  # when all of the response was written

    @property
    def path(self):
        return self.target.partition("?")[0]

    def describe(self):
        return {
            "number": self.number, "connection": self.connection, "method": self.method,
            "target": self.target, "version": self.version, "fields": list(self.fields),
            "raw": base64.b64encode(self.raw).decode(), "size": self.size, "digest": self.digest,
            "trailers": list(self.trailers), "whole": self.whole,
        }  # fmt: skip


@dataclasses.dataclass
class Connection:
    """A connection that was accepted."""

    number: int
    peer: tuple
    at: float
    requests: int = 0
    ended: str = ""  # "peer" (FIN), "reset" (by the peer), "us"


# Responses that no HTTP/1 parser may believe. Each is bytes, or a function that yields bytes for ever.
def _endless_header():
    yield b"HTTP/1.1 200 OK\r\nX-Endless: "
    while True:
        yield b"a" * 4096


def _endless_headers():
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"X-Endless: a\r\n" * 256


def _endless_interim():
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def _flood(count):
    fields = b"".join(b"X-%d: y\r\n" % number for number in range(count))
    return b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok"


GARBAGE = {
    "an SSH banner": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "an SMTP banner": b"220 mail.example.net ESMTP\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "a TLS handshake": b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(range(64)),
    "random bytes": hashlib.sha512(b"random").digest() * 4,
    "an HTTP/0.9 answer": b"<html>hello</html>\n",
    "HTTP/2 frames": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18),
    "another major version": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a version in lower case": b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "an ICY status line": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a bare LF head": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a bare LF in one field": b"HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 2\r\n\r\nok",
    "a bare CR in a field": b"HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 2\r\n\r\nok",
    "a NUL in a field": b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok",
    "a control byte in a field": b"HTTP/1.1 200 OK\r\nX-A: b\x01c\r\nContent-Length: 2\r\n\r\nok",
    "a NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 2\r\n\r\nok",
    "an empty field name": b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 2\r\n\r\nok",
    "a field without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok",
    "an obs-fold": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "a folded first field": b"HTTP/1.1 200 OK\r\n X-A: b\r\nContent-Length: 2\r\n\r\nok",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of 999": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of 000": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of letters": b"HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 \r\nContent-Length: 2\r\n\r\nok",
    "two spaces before the status": b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
    "two differing lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a list of differing lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok!",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "a hexadecimal length": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "an empty length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
    "a length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
    "chunked and a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nok\r\n0\r\n\r\n",
    "gzip as a transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "an unsolicited 304": b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
    "an unsolicited 206": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
    "an unsolicited 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "a flood of 50,000 fields": _flood(50000),
    "a flood of 1,000 fields": _flood(1000),
    "a head of 70,000 bytes": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "an endless header": _endless_header,
    "endless headers": _endless_headers,
    "a flood of 1xx": _endless_interim,
    "two responses of which the first is a 100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
}  # fmt: skip

# Bodies that go wrong after a good head: the client must see that they did.
TRUNCATIONS = {
    "a length that is not reached": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    "a chunk that is cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
    "a last chunk without its empty line": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n",
    "a chunk size that is no number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\nxyz\r\n",
    "a chunk size beyond 64 bits": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"
    b"fffffffffffffffff\r\n",
    "a chunk longer than it says": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly this\r\n0\r\n\r\n",
    "a chunk line with a bare LF": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\nonly this\r\n0\r\n\r\n",
    "a bad trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\nX A: b\r\n\r\n",
}  # fmt: skip


class _Loop:
    """One event loop on one thread for all origins of a process."""

    _instance = None

    @classmethod
    def get(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="origins", daemon=True).start()

    def run(self, coroutine, timeout=20):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


class _Gone(Exception):
    """The peer left; args[0] is "peer" or "reset"."""


class _Stream:
    """A connection as the origin sees it: bytes in order, and every way of ending it."""

    def __init__(self, sock, loop):
        self.sock = sock
        self.loop = loop
        self.buffer = b""
        self._receiving = None

    async def read(self):
        """Appends what came to the buffer; raises _Gone at the end. Who gives up waiting loses nothing."""
        if self._receiving is None:
            self._receiving = asyncio.ensure_future(self.loop.sock_recv(self.sock, 262144))
        await asyncio.wait({self._receiving})
        received, self._receiving = self._receiving, None
        try:
            data = received.result()
        except OSError:
            raise _Gone("reset") from None
        if not data:
            raise _Gone("peer")
        self.buffer += data

    async def write(self, data):
        try:
            await self.loop.sock_sendall(self.sock, data)
        except OSError:
            raise _Gone("reset") from None

    async def wait_for_end(self):
        """Reads and forgets until the peer ends the connection."""
        while True:
            await self.read()
            self.buffer = b""

    def arm(self):
        """From now on closing sends RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        if self._receiving is not None:
            self._receiving.cancel()
        self.sock.close()

    def reset(self):
        self.arm()
        self.close()


class _TlsStream(_Stream):
    """The same in TLS. It says goodbye (close_notify) before it closes where `farewell` is set, never before RST."""

    def __init__(self, sock, loop, context, farewell):
        super().__init__(sock, loop)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._farewell = farewell

    async def _flush(self):
        if self._outgoing.pending:
            await super().write(self._outgoing.read())

    async def _fetch(self):
        """Moves what came into TLS; raises _Gone at the end."""
        plain, self.buffer = self.buffer, b""
        try:
            await super().read()
        finally:
            received, self.buffer = self.buffer, plain
        self._incoming.write(received)

    async def wait_for_end(self):
        """Whatever comes is not answered."""
        while True:
            await self._fetch()

    async def shake_hands(self):
        while True:
            try:
                self.tls.do_handshake()
                return await self._flush()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fetch()
            except ssl.SSLError:
                await self._flush()  # the alert
                raise _Gone("tls") from None

    async def read(self):
        while True:
            try:
                data = self.tls.read(262144)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fetch()
                continue
            except ssl.SSLError:
                await self._flush()
                raise _Gone("tls") from None
            if not data:
                raise _Gone("peer")
            self.buffer += data
            return

    async def write(self, data):
        for at in range(0, len(data), 65536):
            self.tls.write(data[at : at + 65536])
            await self._flush()

    def arm(self):
        self._farewell = False
        super().arm()

    def close(self):
        if self._farewell:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            try:
                self.sock.send(self._outgoing.read())
            except OSError:
                pass
        super().close()


def _bound(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


class Origin:
    """A server of one address."""

    def __init__(self, name="", host="127.0.0.1", port=0, start=True, tls=None):
        self.name = name
        self.tls = tls  # an ssl.SSLContext
        self.farewell = True  # TLS: says close_notify before it closes
        self.handshakes = []  # of each connection: the ssl.SSLObject, once its handshake was done
        self.host = host
        self.default = Reply(body=(name or "hello").encode())
        self.at_accept = ""  # "close", "reset" or "hang": what befalls every new connection
        self.on_reuse = ""  # "close" or "reset": what befalls the second request of a connection
        self.idle_close = 0.0  # seconds after which an idle kept connection is closed
        self.requests = []
        self.connections = []
        self.errors = []  # requests that were no HTTP
        self._replies = {}
        self._tasks = set()
        self._streams = set()
        self._listener = None
        self._acceptor = None
        self._fillers = []
        self._run = _Loop.get().run
        # A bound socket that never listens keeps the port ours while the origin is down.
        self._holder = _bound(host, port)
        self.port = self._holder.getsockname()[1]
        if start:
            self.up()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def on(self, path, reply):
        """Sets what one path does: a Reply, a list of them, or a function of the request."""
        self._replies[path] = list(reply) if isinstance(reply, (list, tuple)) else reply

    def forget(self):
        self.requests.clear()
        self.connections.clear()

    def on_path(self, path):
        """The requests for a path so far."""
        return [request for request in self.requests if request.path == path]

    def wait(self, count, timeout=5.0):
        """Waits until so many requests came."""
        end = time.monotonic() + timeout
        while len(self.requests) < count and time.monotonic() < end:
            time.sleep(0.005)
        assert len(self.requests) >= count, f"{self.name}: {len(self.requests)} requests, not {count}"

    def up(self):
        self._run(self._up(128))

    def down(self, reset=True):
        """Refuses connections from now on; those that stand are reset, or left alone."""
        self._run(self._down(reset))

    def drop_syn(self):
        """From now on a connection neither stands nor fails: the queue of the listener is full."""
        self._run(self._drop_syn())

    def break_connections(self, how="reset"):
        """Ends the connections that stand."""
        self._run(self._break(how))

    def stop(self):
        self._run(self._down(True))
        self._holder.close()

    # All below runs on the loop's thread.

    async def _up(self, backlog):
        await self._down(False)
        self._listener = _bound(self.host, self.port)
        self._listener.listen(backlog)
        if backlog:
            self._acceptor = asyncio.create_task(self._accept())

    async def _down(self, reset):
        if self._acceptor:
            self._acceptor.cancel()
            await asyncio.gather(self._acceptor, return_exceptions=True)
            self._acceptor = None
        for sock in self._fillers:
            sock.close()
        self._fillers.clear()
        if self._listener:
            self._listener.close()
            self._listener = None
        if reset:
            await self._break("reset")

    async def _break(self, how):
        tasks = list(self._tasks)
        for stream in list(self._streams):
            if how == "reset":
                stream.arm()
        for task in tasks:
            task.cancel()  # each closes its own socket, so that no reader outlives it
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drop_syn(self):
        await self._up(0)
        poll = select.poll()
        for _ in range(64):
            sock = socket.socket(self._listener.family, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex((self.host, self.port))
            self._fillers.append(sock)
            poll.register(sock, select.POLLOUT)
            if not poll.poll(50):
                return
            poll.unregister(sock)
        raise RuntimeError("the listener's queue does not fill")

    async def _accept(self):
        loop = asyncio.get_running_loop()
        while True:
            sock, peer = await loop.sock_accept(self._listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            connection = Connection(len(self.connections), peer, time.monotonic())
            self.connections.append(connection)
            stream = _TlsStream(sock, loop, self.tls, self.farewell) if self.tls else _Stream(sock, loop)
            task = asyncio.create_task(self._live(stream, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _live(self, stream, connection):
        self._streams.add(stream)
        try:
            if self.at_accept:
                await self._finish(stream, self.at_accept)
            if self.tls:
                await stream.shake_hands()
                self.handshakes.append(stream.tls)
            while await self._exchange(stream, connection):
                pass
            connection.ended = "us"
        except _Gone as gone:
            connection.ended = gone.args[0]
        except wire.WireError as error:
            self.errors.append(f"{error}; {stream.buffer[:2000]!r}")
        finally:
            self._streams.discard(stream)
            stream.close()

    async def _finish(self, stream, how):
        if how == "hang":
            await stream.wait_for_end()
        if how == "reset":
            stream.reset()
        if how == "garble":
            await stream.write(b"xyz\r\n")
        raise _Gone("us")

    async def _exchange(self, stream, connection):
        """Takes a request and answers it; true when the connection lives on."""
        request = await self._take_head(stream, connection)
        if self.on_reuse and connection.requests > 1:
            await self._finish(stream, self.on_reuse)
        reply = self._choose(request)
        body = wire.request_body(request.version, request.fields)
        if reply.cut == "request":
            await self._finish(stream, reply.how)
        if not reply.early:
            if reply.expect == "continue" and "100-continue" in request.fields.tokens("Expect"):
                await stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self._take_body(stream, request, body)
        if reply.delay:
            await self._watched(stream, asyncio.sleep(reply.delay))
        await self._answer(stream, request, reply)
        request.answered = time.monotonic()
        if reply.early:
            await self._take_body(stream, request, body)
        keep = reply.keep and reply.framing != "close" and reply.raw is None
        return keep and "close" not in request.fields.tokens("Connection")

    async def _watched(self, stream, work):
        """Does the work, unless the peer leaves first."""
        work = asyncio.ensure_future(work)
        read = asyncio.ensure_future(stream.read())
        await asyncio.wait({work, read}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            read.cancel()
            await asyncio.gather(read, return_exceptions=True)
            return
        if read.exception():
            work.cancel()
            read.result()
        await work

    async def _take_head(self, stream, connection):
        while not (parts := wire.split_head(stream.buffer)):
            if len(stream.buffer) > HEAD_MAX:
                raise wire.WireError("a request head without end")
            try:
                idle = self.idle_close if connection.requests and not stream.buffer else None
                await asyncio.wait_for(stream.read(), idle or None)
            except asyncio.TimeoutError:
                raise _Gone("us") from None
        head, stream.buffer = parts
        connection.requests += 1
        request = Request(len(self.requests), connection.number, time.monotonic(), head)
        self.requests.append(request)
        request.method, request.target, request.version, request.fields = wire.parse_request_head(head)
        return request

    async def _take_body(self, stream, request, body):
        digest, kept = hashlib.sha256(), []
        while True:
            piece, stream.buffer = body.feed(stream.buffer)
            digest.update(piece)
            request.size += len(piece)
            if request.size <= BODY_KEPT:
                kept.append(piece)
            if body.whole:
                break
            await stream.read()
        request.body, request.digest = b"".join(kept), digest.hexdigest()
        request.trailers, request.whole = body.trailers, True

    def _choose(self, request):
        reply = self._replies.get(request.path, self.default)
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        return reply(request) if callable(reply) else reply

    async def _answer(self, stream, request, reply):
        if reply.cut == "before":
            await self._finish(stream, reply.how)
        for interim in reply.interim:
            if not isinstance(interim, bytes):
                interim = b"HTTP/1.1 %d %s\r\n\r\n" % (interim, REASONS.get(interim, "Other").encode())
            await stream.write(interim)
        if reply.raw is not None:
            for piece in reply.raw() if callable(reply.raw) else [reply.raw]:
                await self._send(stream, request, reply, piece, "head")
            await self._finish(stream, reply.how)
        body = self._echo(request) if reply.echo else reply.body
        body = body(request) if callable(body) else body
        head = self._head(reply, body)
        if reply.cut == "mid_head":
            await stream.write(head[: len(head) // 2])
            await asyncio.sleep(0.02)  # so that it is seen before a reset
            await self._finish(stream, reply.how)
        if reply.drip == "head":
            await self._send(stream, request, reply, head, "head")
            head = b""
        if request.method == "HEAD" or reply.status in (204, 304):
            await self._send(stream, request, reply, head + reply.extra, "")
        else:
            await self._send_body(stream, request, reply, head, body)
        if reply.cut == "end":
            await self._finish(stream, reply.how)

    @staticmethod
    def _echo(request):
        return json.dumps(request.describe()).encode()

    @staticmethod
    def _head(reply, body):
        reason = REASONS.get(reply.status, "Other") if reply.reason == "-" else reply.reason
        line = f"HTTP/{reply.version} {reply.status}" + ("" if reason is None else f" {reason}")
        fields = list(reply.fields)
        if reply.framing == "length" and reply.status not in (204, 304):
            size = body.size if isinstance(body, Generated) else len(body)
            fields.append(("Content-Length", str(size)))
        if reply.framing == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
        if not reply.keep and reply.version == "1.1":
            fields.append(("Connection", "close"))
        lines = [line] + [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def _send(self, stream, request, reply, data, part):
        """Writes data, dripped where the reply says so, and counts what went."""
        step = reply.drip_bytes if part and reply.drip == part else 1 << 18
        for at in range(0, len(data), step):
            piece = data[at : at + step]
            await stream.write(piece)
            request.sent += len(piece)
            if step == reply.drip_bytes and part and reply.drip == part:
                await self._watched(stream, asyncio.sleep(reply.drip_s))

    async def _crawl(self, stream, request, reply, body, at):
        """Sends the body from `at` on, so slowly that nobody will wait for its end."""
        size = body.size if isinstance(body, Generated) else len(body)
        for start in range(at, size, reply.drip_bytes):
            count = min(reply.drip_bytes, size - start)
            if isinstance(body, Generated):
                piece = content.generate(body.seed, start + body.skip, count)
            else:
                piece = body[start : start + count]
            if reply.framing == "chunked":
                piece = b"%x\r\n%s\r\n" % (count, piece)
            await self._watched(stream, asyncio.sleep(reply.drip_s))
            await stream.write(piece)
            request.sent += len(piece)

    async def _send_body(self, stream, request, reply, head, body):
        size = body.size if isinstance(body, Generated) else len(body)
        limit = min(size, reply.cut_after) if reply.cut == "mid_body" else size
        step = reply.chunk if reply.framing == "chunked" else 65536
        end = reply.extra
        if reply.framing == "chunked":
            trailers = "".join(f"{name}: {value}\r\n" for name, value in reply.trailers)
            end = f"0{reply.extension}\r\n{trailers}\r\n".encode("latin-1") + end
        if reply.drip:
            await self._send(stream, request, reply, head, "")
            head = b""
        for at in range(0, limit, step):
            count = min(step, limit - at)
            if isinstance(body, Generated):
                piece = content.generate(body.seed, at + body.skip, count)
            else:
                piece = body[at : at + count]
            if reply.framing == "chunked":
                piece = b"%x%s\r\n%s\r\n" % (count, reply.extension.encode(), piece)
            piece, head = head + piece, b""
            if at + count == size and reply.cut != "mid_body":
                piece, end = piece + end, b""
            await self._send(stream, request, reply, piece, "body")
        if reply.cut == "mid_body":
            await self._send(stream, request, reply, head, "")
            await asyncio.sleep(0.02)
            if reply.how == "crawl":
                await self._crawl(stream, request, reply, body, limit)
            await self._finish(stream, reply.how)
        await self._send(stream, request, reply, head + end, "")


def reply_of(description):
    """A Reply out of JSON: texts stand for bytes, {"seed", "size"} for a generated body, and
    {"garbage": NAME} for a row of GARBAGE."""
    values = dict(description)
    if "garbage" in values:
        values["raw"] = GARBAGE[values.pop("garbage")]
    if isinstance(values.get("body"), dict):
        values["body"] = Generated(**values["body"])
    for name in ("body", "extra", "raw"):
        if isinstance(values.get(name), str):
            values[name] = values[name].encode("latin-1")
    for name in ("fields", "trailers"):
        if name in values:
            values[name] = tuple((key, value) for key, value in values[name])
    return Reply(**values)


def main():
    parser = argparse.ArgumentParser(description="An origin that misbehaves as it is told.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="")
    parser.add_argument("--reply", help="the default reply, as JSON")
    options = parser.parse_args()
    origin = Origin(options.name, port=options.port)
    if options.reply:
        origin.default = reply_of(json.loads(options.reply))
    print(f"READY {origin.port}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("do") in ("up", "down", "drop_syn", "stop"):
            getattr(origin, order["do"])()
        elif order.get("show") == "requests":
            print(json.dumps([request.describe() for request in origin.requests]), flush=True)
        elif "reply" in order and "path" in order:
            origin.on(order["path"], reply_of(order["reply"]))
        elif "reply" in order:
            origin.default = reply_of(order["reply"])
    if not sys.stdin.isatty():
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        os._exit(0)
