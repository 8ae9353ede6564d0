"""What a client of HTTP/2 may try to make us work, or remember, without end: the connection ends with GOAWAY
(ENHANCE_YOUR_CALM), it is counted, and whoever else asks is served without delay."""
import re
import struct
import threading
import time

import h2wire
import pytest
from domains import domain
from h2wire import CANCEL, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, connect, frame
from origin import Generated, Reply
from program import is_sanitized

METRICS = re.compile(r"metrics are on (\S+):(\d+)")
LATE_S = 1.5 if is_sanitized() else 0.5
CPU_S = 1.0 if is_sanitized() else 0.2  # for a flood, and all who are beside it


@pytest.fixture(name="server", scope="module")
def _server(make_once):
    origin = make_once.origin("master")
    origin.on("/slow", Reply(delay=5))
    origin.on("/large", Reply(body=Generated("l", 8_000_000), fields=(("Cache-Control", "max-age=60"),)))
    origin.default = Reply(body=b"x" * 1000, fields=(("Cache-Control", "max-age=600"),))
    flags = {"metrics": "127.0.0.1:0", "write_timeout": "1s", "body_timeout": "1s", "head_timeout": "1s", "rate_min": 1000}
    server = make_once.headwater([domain(origin)], flags)
    assert server.get("/cached").status == 200
    match = METRICS.search(server.wait_line("metrics are on"))
    server.metrics = (match[1], int(match[2]))
    return server


def floods(server):
    """The counters of what ended connections."""
    with h2wire.socket.create_connection(server.metrics, 5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := connection.recv(65536):
            data += piece
    found = re.findall(rb"^headwater_edge_http2_floods_(\w+)_total (\d+)", data, re.M)
    return {name.decode(): int(value) for name, value in found}


def memory(server):
    """Of the edge, in bytes."""
    with open(f"/proc/{server.edge_pids()[0]}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024


class Beside:
    """Another client, all the while: how long its requests take."""

    def __init__(self, server):
        self.server, self.worst, self.count, self.is_over = server, 0.0, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        with self.server.connect() as client:
            while not self.is_over or self.count == 0:
                began = time.monotonic()
                client.request(target="/cached")
                assert client.response().status == 200
                self.worst = max(self.worst, time.monotonic() - began)
                self.count += 1
                time.sleep(0.01)

    def __enter__(self):
        self.memory, self.cpu = memory(self.server), self.server.cpu_seconds()
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.is_over = True
        self.thread.join(10)
        if kind is None:
            assert self.count > 0 and self.worst < LATE_S, f"{self.count} requests, one of {self.worst:.3f} s"
            assert memory(self.server) - self.memory < 48 << 20
            assert self.server.cpu_seconds() - self.cpu < CPU_S


def resets(client):
    for _ in range(1000):
        stream = client.new()
        yield client.head_frame(stream, client.head_of(path="/slow")) + frame(
            h2wire.RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")
        )


def made_resets(client):
    """Streams that have to be reset by us (CVE-2025-8671): a window of more than there can be."""
    for _ in range(1000):
        stream = client.new()
        yield client.head_frame(stream, client.head_of(path="/slow")) + frame(
            h2wire.WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff"
        )


def malformed(client):
    for _ in range(1000):
        yield client.head_frame(client.new(), client.head_of(path="bad"))


def pings(client):
    for _ in range(1000):
        yield frame(h2wire.PING, 0, 0, b"01234567")


def settings(client):
    for i in range(1000):
        yield client.settings_frame([(h2wire.INITIAL_WINDOW_SIZE, i)])


def empty_data(client):
    yield client.head_frame(client.new(), client.head_of("POST", "/slow"), 0)
    for _ in range(2000):
        yield frame(h2wire.DATA, 0, client.next_id - 2)


def priorities(client):
    for _ in range(100):
        yield frame(h2wire.PRIORITY, 0, 1, struct.pack(">IB", 0, 16)) * 50


def priority_updates(client):
    for i in range(5000):
        yield frame(h2wire.PRIORITY_UPDATE, 0, 0, struct.pack(">I", 2 * (i % 64) + 1) + b"u=1")


def updates(client):
    for _ in range(100):  # many at once, so that a busy machine is a flood, too
        yield frame(h2wire.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 100


def continuations(client):
    yield frame(h2wire.HEADERS, END_STREAM, client.new(), client.encoder.encode(client.head_of()))
    for _ in range(5000):
        yield frame(h2wire.CONTINUATION, 0, client.next_id - 2)


def bombs(client):
    """A head of one large field, again and again by its number in the table."""
    block = client.encoder.encode([*client.head_of(), ("x-bomb", "a" * 3900)])
    number = bytes([0x80 | 62])
    for _ in range(50):
        yield frame(h2wire.HEADERS, END_STREAM | END_HEADERS, client.new(), block + number * 8000)
        block = client.encoder.encode(client.head_of())


FLOODS = {
    "resets": (resets, "resets"),
    "made resets": (made_resets, "resets"),
    "malformed": (malformed, "resets"),
    "pings": (pings, "pings"),
    "settings": (settings, "settings"),
    "empty data": (empty_data, "empty"),
    "priorities": (priorities, "priorities"),
    "priority updates": (priority_updates, "priorities"),
    "small updates": (updates, "updates"),
    "continuations": (continuations, "continuations"),
    "packed fields": (bombs, "fields"),
}


@pytest.mark.parametrize("row", FLOODS)
def test_a_flood_ends_its_connection_and_nothing_else(server, row):
    make, counter = FLOODS[row]
    before = floods(server)
    with Beside(server):
        for _ in range(3):
            with connect(server) as client:
                client.ping()
                for data in make(client):
                    if not client.send(data):
                        break
                    client.step(0) if len(client.got) == 0 and client.next_id % 64 == 1 else None
                assert client.wait_end() == ENHANCE_YOUR_CALM
    after = floods(server)
    assert after[counter] == before[counter] + 3
    assert {name: value for name, value in after.items() if name != counter} == {
        name: value for name, value in before.items() if name != counter
    }


@pytest.mark.parametrize("kind", ["pings", "settings"])
def test_acknowledgements_that_are_not_read_are_few(server, kind):
    data = frame(h2wire.PING, 0, 0, b"01234567") if kind == "pings" else h2wire.Connection.settings_frame()
    with Beside(server), connect(server, receive_buffer=4096) as client:
        client.ping()
        client.socket.settimeout(3)
        try:
            for _ in range(200):
                client.socket.sendall(data * 1000)
        except OSError:
            pass
        assert client.wait_end() in (ENHANCE_YOUR_CALM, None)


def test_who_opens_no_window_is_cut_off_alone(server):
    with Beside(server), connect(server, window=0) as client:
        began = time.monotonic()
        streams = [client.request(path="/large") for _ in range(50)]
        for stream in streams:
            response = client.response(stream)
            assert (response.is_whole, response.reset) == (False, ENHANCE_YOUR_CALM)
        assert 0.9 < time.monotonic() - began < 4
        assert client.get("/slow", fields=[("content-length", "x")]).reset == h2wire.PROTOCOL_ERROR


def test_who_opens_tiny_windows_is_cut_off(server):
    with Beside(server), connect(server, window=1) as client:
        stream = client.request(path="/large")
        until = time.monotonic() + 5
        while not client.streams[stream].is_over and not client.end and time.monotonic() < until:
            client.window(stream, 1)
            client.read_for(0.002)
        assert client.streams[stream].reset == ENHANCE_YOUR_CALM or client.goaway[1] == ENHANCE_YOUR_CALM


def test_who_does_not_read_is_cut_off(server):
    with Beside(server), connect(server, receive_buffer=4096) as client:
        for _ in range(100):
            client.request(path="/large")
        time.sleep(3)
        client.wait(lambda: client.end, 5)
        assert client.end


def test_a_body_that_does_not_come_is_an_error_of_its_stream(server):
    with Beside(server), connect(server) as client:
        streams = [client.request("POST", "/up", end=False) for _ in range(20)]
        for stream in streams:
            assert client.response(stream, 5).status == 408
        assert client.get("/cached").status == 200


def test_a_head_that_does_not_end_ends_the_connection_in_time(server):
    with connect(server) as client:
        client.send(frame(h2wire.HEADERS, END_STREAM, client.new(), client.encoder.encode(client.head_of())))
        began = time.monotonic()
        client.wait_end(5)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("start", [h2wire.PREFACE[:10], h2wire.PREFACE])
def test_a_preface_without_settings_ends_in_time(server, start):
    with h2wire.socket.create_connection(server.address, 5) as connection:
        connection.sendall(start)
        began = time.monotonic()
        while connection.recv(65536):
            pass
        assert 0.8 < time.monotonic() - began < 3.5


def test_floods_of_requests_wait_for_those_before(server):
    """What answers has bounds of its own, and resets do not lift them."""
    with Beside(server), connect(server) as client:
        for _ in range(400):
            stream = client.new()
            client.send(client.head_frame(stream, client.head_of(path="/slow")))
            client.send(frame(h2wire.RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")))
        client.ping()
        assert client.get("/cached").status == 200


def test_refusals_that_are_not_read_stop_nobody(server):
    """One at a time, so that the last that finds room may find too little."""
    with Beside(server), connect(server, receive_buffer=4096) as client:
        client.ping()
        client.socket.settimeout(0.1)
        try:
            for _ in range(20_000):
                client.socket.sendall(client.head_frame(client.new(), client.head_of(host="nobody.test")))
                time.sleep(0.0005)
        except OSError:
            pass
