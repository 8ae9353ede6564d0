"""Bodies, both ways: every framing, every size, replayed and cut."""
import hashlib
import socket
import threading
import time

import client
import content
import pytest
import wire
from domains import SLACK, domain, origin_of
from origin import Generated, Reply


def chunked(pieces, trailers=b"", extension=b""):
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


def head(method="PUT", target="/", *fields, host="edge.test"):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin)])


SIZES = [0, 1, 1000, 16384, 65535, 65536, 65537, 200_000, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_request_body_with_a_length_arrives_whole(server, origin, size):
    data = content.generate("up", 0, size)
    assert server.ask("PUT", "/up", body=data).status == 200
    (request,) = origin.requests
    assert (request.size, request.digest) == (size, sha(data))


@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_request_body_arrives_whole(server, origin, size):
    data = content.generate("up", 0, size)
    pieces = [data[at : at + 7777] for at in range(0, size, 7777)]
    with server.connect() as connection:
        connection.send(head("PUT", "/up", "Transfer-Encoding: chunked") + chunked(pieces, extension=b";a=b"))
        assert connection.response().status == 200
    (request,) = origin.requests
    assert (request.size, request.digest) == (size, sha(data))


def test_trailers_of_a_request_travel(server, origin):
    with server.connect() as connection:
        connection.send(head("PUT", "/up", "Transfer-Encoding: chunked", "Trailer: X-Sum")
                        + chunked([b"abc"], b"X-Sum: 1\r\nX-Sum: 2\r\n"))  # fmt: skip
        assert connection.response().status == 200
    if "Transfer-Encoding" in origin.requests[0].fields:
        assert origin.requests[0].trailers.all("X-Sum") == ["1", "2"]


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Host", "Connection"])
def test_trailers_cannot_frame_or_route(server, origin, name):
    with server.connect() as connection:
        connection.send(head("PUT", "/up", "Transfer-Encoding: chunked") + chunked([b"abc"], f"{name}: 5\r\n".encode()))
        assert connection.response().status in (200, 400)
    for request in origin.requests:
        assert name not in request.trailers


def test_a_request_body_streams_before_it_is_whole(server, origin):
    """With a large upload the origin sees its beginning while the client still sends."""
    with server.connect() as connection:
        connection.send(head("PUT", "/up", "Content-Length: 4000000") + bytes(2_000_000))
        origin.wait(1)
        connection.send(bytes(2_000_000))
        assert connection.response().status == 200
    assert origin.requests[0].size == 4_000_000


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_expect_100_continue_is_answered(server, origin, body):
    with server.connect() as connection:
        connection.send(head("PUT", "/up", f"Content-Length: {len(body)}", "Expect: 100-continue"))
        if body:
            deadline = time.monotonic() + 3
            while b"\r\n\r\n" not in connection.buffer:
                connection._receive(deadline)
            interim, connection.buffer = wire.split_head(connection.buffer)
            assert interim.startswith(b"HTTP/1.1 100 ")
            connection.send(body)
        assert connection.response().status == 200
    assert origin.requests[0].body == body


def test_expect_100_continue_in_http_1_0_is_ignored(server, origin):
    with server.connect() as connection:
        connection.request("PUT", "/up", version="1.0", fields=[("Expect", "100-continue")], body=b"hello")
        response = connection.response()
    assert response.status == 200 and not response.interim


def test_a_client_that_does_not_wait_for_100_is_served(server, origin):
    with server.connect() as connection:
        connection.send(head("PUT", "/up", "Content-Length: 5", "Expect: 100-continue") + b"hello")
        assert connection.response().status == 200
        connection.request(target="/next")
        assert connection.response().status == 200
    assert origin.requests[0].body == b"hello"


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [10, 64 * 1024, 64 * 1024 + 1, 5_000_000])
def test_a_safe_request_with_a_body_is_replayed_to_the_backup(make, framing, size):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(status=503)
    server = make.headwater([domain(master, backup)])
    data = content.generate("up", 0, size)
    with server.connect() as connection:
        if framing == "length":
            connection.send(head("GET", "/x", f"Content-Length: {size}") + data)
        else:
            connection.send(head("GET", "/x", "Transfer-Encoding: chunked") + chunked([data[:5], data[5:]]))
        assert connection.response().body == b"backup"
    for origin in (master, backup):
        assert [request.digest for request in origin.requests] == [sha(data)]


@pytest.mark.parametrize("cut", ["request", "before"])
def test_a_body_is_replayed_when_the_master_dies_in_the_middle_of_it(make, cut):
    master, backup = make.origin("master"), make.origin("backup")
    master.default = Reply(cut=cut, how="reset")
    server = make.headwater([domain(master, backup)])
    data = content.generate("up", 0, 3_000_000)
    with server.connect() as connection:
        connection.send(head("GET", "/x", f"Content-Length: {len(data)}"))
        for at in range(0, len(data), 300_000):
            connection.send(data[at : at + 300_000])
            time.sleep(0.01)
        assert connection.response().body == b"backup"
    assert [request.digest for request in backup.requests] == [sha(data)]


def test_a_body_that_is_found_too_large_behind_an_early_answer_cuts_that_visibly(make, origin):
    origin.default = Reply(body=Generated("down", 5_000_000), early=True, drip="body", drip_bytes=10_000, drip_s=0.01)
    server = make.headwater([domain(origin, request_body_max="100k")])
    with server.connect() as connection:
        connection.send(head("PUT", "/x", "Transfer-Encoding: chunked") + b"c800\r\n" + bytes(51_200) + b"\r\n")
        while b"\r\n\r\n" not in connection.buffer:
            connection.buffer += connection.sock.recv(65536)
        connection.send(b"d000\r\n" + bytes(53_248) + b"\r\n")
        with pytest.raises(wire.Truncated) as cut:
            connection.response()
        assert cut.value.response.status == 200
    line = server.wait_log(1)[0]
    assert (line["status"], line["fault"], line["end"]) == (200, "body_too_large", "truncated")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_over_the_limit_is_refused(make, origin, framing):
    server = make.headwater([domain(origin, request_body_max="1m")])
    with server.connect() as connection:
        if framing == "length":
            connection.send(head("PUT", "/x", "Content-Length: 1048577"))
        else:
            connection.send(head("PUT", "/x", "Transfer-Encoding: chunked"))
            for _ in range(20):
                if not connection.send(b"10000\r\n" + bytes(65536) + b"\r\n"):
                    break
        response = connection.response()
        assert (response.status, response.error) == (413, "body_too_large")
        connection.end()
    assert not [request for request in origin.requests if request.whole]
    assert server.ask("PUT", "/y", body=bytes(1_000_000)).status == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_client_may_send_its_body_for_longer_than_the_attempts_may_take(make, origin, method):
    """Its time is its own: the budget is for what origins take."""
    server = make.headwater([domain(origin, failover={"budget_s": 1})])
    with server.connect() as connection:
        connection.request(method, "/up", fields=[("Content-Length", "24")])
        for _ in range(24):
            connection.send(b"x")
            time.sleep(0.1)
        assert connection.response(method).status == 200
    assert origin.requests[0].body == b"x" * 24


@pytest.mark.parametrize("status", [200, 401, 413, 500])
def test_an_answer_that_comes_before_the_request_was_sent_is_delivered(make, origin, status):
    origin.default = Reply(status=status, body=b"early", early=True)
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        connection.send(head("PUT", "/x", "Content-Length: 2000000") + bytes(100_000))
        response = connection.response(timeout=5)
        assert (response.status, response.body) == (status, b"early")
        # The client then finishes its request, or the connection ends; another message never gets in.
        connection.send(bytes(1_900_000))
        connection.request(target="/next")
        try:
            assert connection.response().body == b"early"
        except wire.Truncated:
            pass
    assert {request.path for request in origin.requests} <= {"/x", "/next"}


def test_an_origin_that_answers_early_and_closes_is_heard(make, origin):
    origin.default = Reply(status=413, body=b"too much", early=True, cut="end", how="close")
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        connection.send(head("PUT", "/x", "Content-Length: 3000000"))
        for _ in range(30):
            if not connection.send(bytes(100_000)):
                break
            time.sleep(0.005)
        response = connection.response()
    # The reset that follows may have destroyed the answer on its way to us; then it is an honest 502.
    assert response.status in (413, 502)


def test_a_client_that_leaves_in_its_body_sends_the_origin_no_whole_request(server, origin):
    with server.connect() as connection:
        connection.send(head("PUT", "/x", "Content-Length: 1000000") + bytes(300_000))
        time.sleep(0.3)
    with server.connect() as connection:
        connection.send(head("PUT", "/y", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
        time.sleep(0.3)
    assert server.get("/after").status == 200
    assert not [request for request in origin.requests if request.path in ("/x", "/y") and request.whole]
    assert not origin.errors


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 65536, 1_000_001])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_response_body_arrives_whole(server, origin, framing, size, version):
    origin.default = Reply(body=Generated("down", size), framing=framing)
    response = server.get(version=version, keep=False)
    assert (response.size, response.digest) == (size, content.digest("down", size))
    if framing == "length":
        assert response.fields.get("Content-Length") == str(size)
    if version == "1.0":
        assert response.framing != "chunked"


@pytest.mark.parametrize("size", [1, 7, 100, 65536])
def test_chunks_of_any_size_arrive(server, origin, size):
    origin.default = Reply(body=Generated("down", 3000 if size < 100 else 400_000), framing="chunked", chunk=size)
    response = server.get(keep=False)
    assert response.digest == content.digest("down", response.size) and response.size in (3000, 400_000)


def test_trailers_of_a_response_travel(server, origin):
    origin.default = Reply(body=b"x", framing="chunked", trailers=(("X-Sum", "1"), ("Content-Length", "5")))
    with server.connect() as connection:
        connection.request(fields=[("TE", "trailers")])
        response = connection.response()
    assert response.body == b"x" and "Content-Length" not in response.trailers
    assert response.trailers.get("X-Sum") == "1"


def test_a_hundred_megabytes_arrive_whole(server, origin):
    size = 100 << 20
    for framing in ("length", "chunked"):
        origin.default = Reply(body=Generated("huge", size), framing=framing)
        response = server.get(keep=False, timeout=120)
        assert (response.size, response.digest) == (size, content.digest("huge", size))


def test_a_slow_reader_holds_the_origin_back(server, origin):
    size = 60 << 20
    origin.default = Reply(body=Generated("big", size))
    with server.connect(receive_buffer=65536, timeout=60) as connection:
        connection.request()
        time.sleep(1.0)
        held = origin.requests[0].sent
        assert held < 24 << 20, "the edge takes a body that nobody reads"
        response = connection.response(keep=False)
    assert response.digest == content.digest("big", size)


def test_a_slow_reader_does_not_make_the_origin_late(server, origin):
    """The origin's idle timeout (1 s) counts only while somebody waits for the origin."""
    origin.default = Reply(body=Generated("big", 20 << 20))
    with server.connect(receive_buffer=65536, timeout=60) as connection:
        connection.request()
        time.sleep(2.5)
        assert connection.response(keep=False).digest == content.digest("big", 20 << 20)


def test_a_body_that_falls_silent_is_cut_off_in_time(server, origin):
    origin.default = Reply(body=bytes(50_000), cut="mid_body", cut_after=5, how="hang")
    with server.connect() as connection:
        connection.request()
        begun = time.monotonic()
        with pytest.raises(wire.Truncated) as error:
            connection.response()
    assert error.value.how in ("fin", "rst")
    assert 0.8 < time.monotonic() - begun < 1 + SLACK
    (line,) = server.wait_log(1)
    assert line["end"] == "truncated" and line["attempts"][0]["reason"] == "body_timeout"
    assert line["attempts"][1]["reason"] == "resume_version"


def test_a_slow_body_that_never_falls_silent_arrives_whole(server, origin):
    origin.default = Reply(body=b"0123456789", drip="body", drip_s=0.3)
    assert server.get().body == b"0123456789"


@pytest.mark.parametrize("fields, framing", [
    ((("ETag", '"a"'),), "length"), ((("Content-Type", "text/event-stream"),), "length"), ((), "chunked"),
])  # fmt: skip
def test_the_first_bytes_of_a_slow_body_are_not_held_back(server, origin, fields, framing):
    """But for those of a small one that could not be taken up again: test_resume.py."""
    origin.default = Reply(
        body=b"0123456789", fields=fields, framing=framing, chunk=5, drip="body", drip_bytes=10, drip_s=0.8)
    with server.connect() as connection:
        begun = time.monotonic()
        connection.request()
        while b"01234" not in connection.buffer:
            connection._receive(begun + 3)
        assert time.monotonic() - begun < 0.7
        assert connection.response().body == b"0123456789"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_leaves_stops_the_origins_body(server, origin, framing):
    origin.default = Reply(body=Generated("endless", 1 << 40), framing=framing)
    with server.connect(receive_buffer=65536) as connection:
        connection.request()
        origin.wait(1)
        time.sleep(0.2)
        connection.abort()
    end = time.monotonic() + 5
    while not origin.connections[0].ended and time.monotonic() < end:
        time.sleep(0.02)
    assert origin.connections[0].ended
    assert server.wait_log(1)[0]["end"] == "aborted"


def test_bodies_both_ways_at_once(server, origin):
    """The origin answers while it reads: an echo of a large body, read and written at the same time."""
    origin.default = Reply(body=Generated("down", 5_000_000), early=True)
    data = content.generate("up", 0, 5_000_000)
    with client.Client(server.address, timeout=30) as connection:
        connection.send(head("PUT", "/x", f"Content-Length: {len(data)}"))
        connection.sock.setblocking(False)
        sent = 0
        while sent < len(data):
            try:
                sent += connection.sock.send(data[sent : sent + 65536])
            except BlockingIOError:
                pass
            except (ConnectionResetError, BrokenPipeError):
                break
            try:
                connection.buffer += connection.sock.recv(65536)
            except (BlockingIOError, ConnectionResetError):
                pass
        connection.sock.settimeout(10)
        response = connection.response(keep=False)
    assert response.digest == content.digest("down", 5_000_000)


def test_many_bodies_at_once_do_not_mix(make):
    origin = make.origin("many")
    origin.default = lambda request: Reply(body=Generated(request.path, 300_000), framing="chunked")
    server = make.headwater([domain(origin)], workers=2)
    wrong = []

    def run(number):
        with server.connect() as connection:
            for turn in range(5):
                seed = f"/{number}-{turn}"
                connection.request(target=seed)
                if connection.response(keep=False).digest != content.digest(seed, 300_000):
                    wrong.append(seed)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nginx_takes_uploads_through_the_edge(make):
    nginx = make.nginx().start()
    (nginx.files / "upload").mkdir()
    server = make.headwater([domain(nginx)])
    data = content.generate("file", 0, 2_000_000)
    assert server.ask("PUT", "/upload/a.bin", body=data).status == 201
    assert (nginx.files / "upload" / "a.bin").read_bytes() == data
    assert server.get("/upload/a.bin", keep=False).digest == sha(data)
    with server.connect() as connection:
        connection.send(head("PUT", "/upload/b.bin", "Transfer-Encoding: chunked") + chunked([data[:9], data[9:]]))
        assert connection.response().status == 201
    assert (nginx.files / "upload" / "b.bin").read_bytes() == data


@pytest.mark.soak
def test_four_gigabytes_arrive_whole(make, origin):
    size = (4 << 30) + 12345
    server = make.headwater([domain(origin_of(origin, idle_timeout="30s"))])  # on a machine that is busy for long
    origin.default = Reply(body=Generated("huge", size))
    response = server.get(keep=False, timeout=600)
    assert (response.size, response.digest) == (size, content.digest("huge", size))


def test_a_spool_that_takes_no_files_is_told_at_the_start(make, origin):
    server = make.headwater([domain(origin)], {"spool_dir": "/proc"})
    assert "spool_dir /proc takes no files" in server.text
    # As long as the connection to the origin is being made all of it is kept; on one that stands it may go on at once.
    response = server.ask("PUT", body=bytes(1_000_000))
    assert response.status == 503 and response.error == "spool"
    assert server.ask("PUT", body=bytes(60_000)).status == 200


def test_the_spool_leaves_no_files_behind(make, origin):
    server = make.headwater([domain(origin)])
    before = sorted(path.name for path in server.folder.iterdir())
    for _ in range(3):
        assert server.ask("PUT", "/x", body=bytes(2_000_000)).status == 200
    with socket.create_connection(server.address) as sock:
        sock.sendall(head("PUT", "/x", "Content-Length: 2000000") + bytes(500_000))
    time.sleep(0.3)
    after = sorted(path.name for path in server.folder.iterdir())
    assert set(after) - set(before) <= {"access.log"}
