"""Bounds: slow clients are cut off, many clients are counted, floods cost little, and nobody else notices."""
import threading
import time

import client
import pytest
import wire
from domains import SLACK, domain, origin_of
from origin import Generated, Reply
from program import is_sanitized

SHORT = {"head_timeout": "1s", "body_timeout": "1s", "write_timeout": "1s", "keepalive_timeout": "2s"}


class Steady:
    """Another client, who must be served without delay while something happens."""

    def __init__(self, server):
        self.server = server
        self.slowest = 0.0
        self.count = 0
        self.failures = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with self.server.connect() as connection:
            while not self._end.is_set():
                begun = time.monotonic()
                connection.request(target="/steady")
                response = connection.response()
                if response.status != 200:
                    self.failures.append(response)
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.count += 1
                time.sleep(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._end.set()
        self._thread.join(20)
        if kind is None:
            assert self.count and not self.failures, (self.count, self.failures)
            assert self.slowest < 0.5 + SLACK / 2, f"another client waited {self.slowest:.3f} s"


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin)], SHORT, workers=1)


def cut_off(connection, drip, pause, at_most):
    """Drips until the server ends the connection: (what it said, seconds)."""
    begun = time.monotonic()
    for piece in drip:
        try:
            connection.sock.settimeout(0.01)
            data = connection.sock.recv(65536)
            connection.buffer += data
            if not data:
                break
        except TimeoutError:
            pass
        except ConnectionResetError:
            break
        if not connection.send(piece) or time.monotonic() - begun > at_most:
            break
        time.sleep(pause)
    rest, _ = connection.end(at_most)
    return rest, time.monotonic() - begun


def test_a_slow_head_is_cut_off(server):
    with Steady(server), server.connect() as connection:
        head = b"GET / HTTP/1.1\r\nHost: edge.test\r\n" + b"X-A: b\r\n" * 100
        rest, seconds = cut_off(connection, (bytes([byte]) for byte in head), 0.1, 6)
    assert seconds < 1 + SLACK + 1
    assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")


def test_a_slow_head_on_a_kept_connection_is_cut_off(server):
    with Steady(server), server.connect() as connection:
        connection.request()
        connection.response()
        _, seconds = cut_off(connection, iter(lambda: b"X", b""), 0.1, 6)
    assert seconds < 2 + 1 + SLACK + 1


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("gap", [0.05, 0.2, 0.7])
def test_a_slow_body_is_cut_off(server, origin, framing, gap):
    with Steady(server), server.connect() as connection:
        connection.send(f"PUT /slow HTTP/1.1\r\nHost: edge.test\r\n{framing}\r\n\r\n".encode())
        piece = b"x" if "Length" in framing else b"1\r\nx\r\n"
        rest, seconds = cut_off(connection, iter(lambda: piece, b""), gap, 8)
    assert seconds < 2 + SLACK + 1
    assert rest == b"" or rest.startswith(b"HTTP/1.1 408 ")
    assert not [request for request in origin.on_path("/slow") if request.whole]


def test_a_body_that_stops_is_cut_off(server, origin):
    with Steady(server), server.connect() as connection:
        connection.send(b"PUT /slow HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 100000\r\n\r\n" + bytes(50_000))
        begun = time.monotonic()
        connection.end(8)
    assert time.monotonic() - begun < 2 + SLACK + 1


def test_a_slow_body_that_is_fast_enough_is_not_cut_off(server, origin):
    """Over 100 bytes in each second, for longer than any timeout."""
    with server.connect() as connection:
        connection.send(b"PUT /fast HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(10):
            connection.send(bytes(300))
            time.sleep(0.3)
        assert connection.response().status == 200
    assert origin.on_path("/fast")[0].size == 3000


@pytest.mark.parametrize("rate, gap", [(0, 0.1), (1, 0.1), (1, 0.7), (50, 0.7)])
def test_a_slow_reader_is_cut_off(server, origin, rate, gap):
    origin.on("/big", Reply(body=Generated("big", 64 << 20)))
    with Steady(server), server.connect(receive_buffer=4096, timeout=20) as connection:
        connection.request(target="/big")
        begun = time.monotonic()
        while not (lines := [line for line in server.log() if line["path"] == "/big"]):
            assert time.monotonic() - begun < 8, "a client that does not read is served for ever"
            if rate:
                connection.sock.recv(rate)
            time.sleep(gap)
    assert lines[0]["end"] in ("aborted", "truncated") and lines[0]["fault"] == "write_slow"


def test_a_slow_reader_that_is_fast_enough_gets_all(server, origin):
    origin.on("/big", Reply(body=Generated("big", 3_000_000)))
    with server.connect(receive_buffer=65536, timeout=30) as connection:
        connection.request(target="/big")
        assert connection.response(keep=False, pause=lambda: time.sleep(0.05)).size == 3_000_000


def test_many_slow_clients_at_once_are_all_cut_off(server):
    with Steady(server):
        slow = [server.connect() for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\n" if number % 2 else b"G")
        begun = time.monotonic()
        for connection in slow:
            connection.end(8)
            connection.close()
        assert time.monotonic() - begun < 1 + SLACK + 2


def test_by_default_slow_clients_are_cut_off_within_12_seconds(make, origin):
    """A head, a body and a reader at a byte a second, side by side, while another client is served."""
    origin.on("/big", Reply(body=Generated("big", 64 << 20)))
    server = make.headwater([domain(origin)], workers=1)
    took = {}

    def run(name, data, drip):
        with server.connect(receive_buffer=4096, timeout=30) as connection:
            connection.send(data)
            begun = time.monotonic()
            if name == "read":
                while not [line for line in server.log() if line["path"] == "/big"] and time.monotonic() < begun + 20:
                    time.sleep(0.1)
            else:
                cut_off(connection, iter(lambda: drip, b""), 1, 20)
            took[name] = time.monotonic() - begun

    put = b"PUT / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 100000\r\n\r\n"
    cases = [("head", b"GET / HTTP/1.1\r\n", b"X"), ("body", put, b"x"),
             ("read", b"GET /big HTTP/1.1\r\nHost: edge.test\r\n\r\n", b"")]  # fmt: skip
    with Steady(server):
        threads = [threading.Thread(target=run, args=case) for case in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(took) == 3 and all(8 < seconds < 12 + SLACK for seconds in took.values()), took


def test_connections_over_the_limit_are_refused_and_room_is_used_again(make, origin):
    server = make.headwater([domain(origin)], {"connections_max": 20}, workers=2)
    kept = []
    for _ in range(20):
        connection = server.connect()
        connection.request()
        assert connection.response().status == 200
        kept.append(connection)
    for _ in range(5):
        try:
            with server.connect() as over:
                over.request()
                response = over.response(timeout=5)
                assert response.status == 503 and response.error == "overload"
                assert response.fields.get("X-Cache") == "PASS"
        except (wire.Truncated, ConnectionResetError) as error:
            assert getattr(error, "how", "rst") != "timeout"
    for connection in kept:
        connection.request()
        assert connection.response().status == 200
        connection.close()
    end = time.monotonic() + 5
    while True:
        try:
            if server.get().status == 200:
                break
        except (wire.Truncated, ConnectionResetError):
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


def test_connections_of_one_address_are_limited_and_others_are_served(make, origin):
    server = make.headwater([domain(origin)], {"connections_per_address": 10}, workers=2)
    kept = []
    for _ in range(10):
        connection = server.connect(source="127.0.0.2")
        connection.request()
        assert connection.response().status == 200
        kept.append(connection)
    try:
        with server.connect(source="127.0.0.2") as over:
            over.request()
            assert over.response(timeout=5).status == 503
    except (wire.Truncated, ConnectionResetError) as error:
        assert getattr(error, "how", "rst") != "timeout"
    with server.connect(source="127.0.0.3") as other:
        other.request()
        assert other.response().status == 200
    for connection in kept:
        connection.request()
        assert connection.response().status == 200


def flood(count):
    return b"GET / HTTP/1.1\r\nHost: edge.test\r\n" + b"X-A: b\r\n" * count + b"\r\n"


def test_a_flood_of_fields_is_refused_and_not_noticed(server, origin):
    with Steady(server):
        for _ in range(100):
            with server.connect() as connection:
                connection.send(flood(50_000))
                assert connection.response().status == 431
    assert not origin.on_path("/")


@pytest.mark.timing
def test_fifty_thousand_fields_cost_less_than_10_ms_of_cpu(make, origin):
    if is_sanitized():
        pytest.skip("a sanitizer's time means nothing")
    server = make.headwater([domain(origin)])
    origin.default = Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000 + b"Content-Length: 0\r\n\r\n")
    server.get()
    begun = server.cpu_seconds()
    for _ in range(100):
        with server.connect() as connection:
            connection.send(flood(50_000))
            assert connection.response().status == 431
    assert (server.cpu_seconds() - begun) / 100 < 0.010
    begun = server.cpu_seconds()
    for number in range(50):
        server.get(f"/{number}")
    assert (server.cpu_seconds() - begun) / 50 < 0.010


@pytest.mark.timing
@pytest.mark.alone
def test_idle_connections_cost_at_most_600_bytes_of_user_memory(make, origin):
    if is_sanitized():
        pytest.skip("a sanitizer's memory means nothing")
    server = make.headwater([domain(origin)], {"keepalive_timeout": "5m"}, workers=1, log=False)
    (pid,) = server.edge_pids()

    def resident():
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) * 1024

    def open_some(count):
        made = []
        for _ in range(count):
            connection = client.Client(server.address)
            connection.request()
            connection.response()
            made.append(connection)
        return made

    idle = open_some(500)  # what is allocated once
    before = resident()
    idle += open_some(3000)
    each = (resident() - before) / 3000
    for connection in idle:
        connection.close()
    assert each <= 600, f"{each:.0f} bytes"


def test_the_spool_and_the_memory_have_bounds(make, origin):
    """Uploads that nobody takes: refused or slowed, and memory does not grow with them."""
    origin.default = Reply(cut="request", how="hang")
    patient = origin_of(origin, head_timeout="5s")
    server = make.headwater([domain(patient, request_body_max="8m")], workers=1)
    (pid,) = server.edge_pids()

    def resident():
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    connections = []
    for _ in range(20):
        connection = server.connect()
        connection.send(b"GET / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 4000000\r\n\r\n")
        connections.append(connection)
    threads = [threading.Thread(target=connection.send, args=(bytes(4_000_000),)) for connection in connections]
    for thread in threads:
        thread.start()
    time.sleep(2)
    grown = resident() - before
    for connection in connections:
        connection.abort()
    for thread in threads:
        thread.join()
    assert grown < 60 << 20, f"{grown >> 20} MiB for 80 MB of bodies"


def test_waiting_costs_nothing(make, origin):
    """Clients that do not read, origins that do not answer, heads and bodies that do not come: none may spin."""
    origin.on("/big", Reply(body=Generated("big", 64 << 20)))
    origin.on("/hang", Reply(cut="before", how="hang"))
    origin.on("/stop", Reply(body=b"0123456789", cut="mid_body", cut_after=5, how="hang"))
    patient = origin_of(origin, head_timeout="30s", idle_timeout="30s")
    capped = origin_of(origin, head_timeout="30s", connections_max=1, queue_s=30)
    server = make.headwater([domain(patient), domain(capped, name="capped.test")], workers=2)
    connections = []

    def begin(data, finish=False):
        connection = server.connect(receive_buffer=4096)
        connection.send(data)
        if finish:
            connection.finish()
        connections.append(connection)

    for path in ("/big", "/hang", "/stop"):
        begin(f"GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode())
        begin(f"GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode(), finish=True)
        begin(f"GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode() * 2000)
        begin(f"GET {path} HTTP/1.1\r\nHost: capped.test\r\n\r\n".encode())
    begin(b"GET / HTTP/1.1\r\nHost:")
    begin(b"PUT / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 1000\r\n\r\n" + bytes(500))
    begin(b"PUT /hang HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 30000000\r\n\r\n" + bytes(1_000_000))
    begin(b"")
    time.sleep(1)
    begun = server.cpu_seconds()
    time.sleep(2)
    used = server.cpu_seconds() - begun
    for connection in connections:
        connection.abort()
    assert used < 0.1, f"{used:.2f} s of CPU in 2 s of waiting"


def test_no_descriptor_is_lost(make, origin):
    origin.on("/cut", Reply(cut="mid_head", how="close"))
    origin.on("/big", Reply(body=Generated("big", 8 << 20)))
    server = make.headwater([domain(origin)], workers=1)
    server.get()
    origin.break_connections()
    time.sleep(0.2)
    before = server.descriptors()
    for number in range(60):
        with server.connect(receive_buffer=4096) as connection:
            path = ("/cut", "/big", "/", "/?put")[number % 4]
            body = bytes(200_000) if number % 4 == 3 else None
            connection.request("PUT" if body else "GET", path, body=body)
            if number % 3:
                time.sleep(0.005)
            connection.abort() if number % 2 else connection.close()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        origin.break_connections()
        time.sleep(0.2)
        if server.descriptors() <= before:
            break
    assert server.descriptors() <= before
