"""What somebody would try who wants to harm the server, or others through it: clients and origins."""
import threading
import time

import pytest
import wire
from domains import domain
from origin import Reply
from program import is_sanitized


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin)])


@pytest.mark.parametrize("size", [30_000, 60_000, 61_300, 61_500, 65_000, 65_534, 65_600])
@pytest.mark.parametrize("fields", [1, 200])
def test_a_large_response_head_travels_or_is_an_honest_error(server, origin, size, fields):
    share = size // fields
    lines = [b"X-%d:%s" % (number, b"a" * (share - len(b"X-%d:\r\n" % number))) for number in range(fields)]
    origin.default = Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(lines) + b"\r\nContent-Length: 2\r\n\r\nok")
    response = server.get()
    if size < 61_000:
        assert (response.status, response.body, len(response.fields.all(f"X-{fields - 1}"))) == (200, b"ok", 1)
    elif response.status != 200:
        assert (response.status, response.error) == (502, "malformed")


def test_a_response_that_breaks_off_takes_nothing_with_it(server, origin):
    """What was answered before, and waits for a client that reads slowly, is still delivered when a later answer breaks
    off and further requests stand in the pipe."""
    origin.on("/one", Reply(body=b"1" * 150_000))
    origin.on("/two", Reply(body=b"2" * 20_000, cut="mid_body", cut_after=500))
    with server.connect(receive_buffer=4096) as connection:
        for target in ["/one", "/two"] + ["/one"] * 50:
            connection.request(target=target)
        server.wait_log(2)
        time.sleep(0.1)
        assert connection.response().body == b"1" * 150_000
        with pytest.raises(wire.Truncated) as broken:
            connection.response()
        assert broken.value.response.body == b"2" * 500


@pytest.mark.timing
@pytest.mark.skipif(is_sanitized(), reason="a filter of system calls and sanitizers do not go together")
def test_the_edge_has_few_rights(make, origin):
    server = make.headwater([domain(origin)], workers=2)
    assert server.get().status == 200
    (edge,) = server.edge_pids()
    with open(f"/proc/{edge}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    override = 1 << 1  # CAP_DAC_OVERRIDE, for root
    for name in ("CapEff", "CapPrm", "CapInh"):
        assert int(status[name], 16) & ~override == 0
    assert "sandbox" not in server.text


def test_a_flood_in_one_pipe_waits_for_its_turn_like_everybody(server):
    """Who has thousands of requests in the pipe does not hold up who has one."""
    count = 3000
    flood = b"GET /flood HTTP/1.1\r\nHost: nobody.test\r\n\r\n" * count
    with server.connect() as many, server.connect() as one:
        one.request(target="/before")
        one.response()
        sender = threading.Thread(target=many.send, args=(flood,))
        sender.start()
        many.response()
        one.request(target="/between")
        one.response()
        for _ in range(count - 1):
            assert many.response().status == 421
        sender.join()
    paths = [line["path"] for line in server.wait_log(count + 2)]
    assert paths.index("/between") < count - 500


def test_without_keepalive_each_response_says_that_it_is_the_last(make, origin):
    server = make.headwater([domain(origin)], {"keepalive_timeout": "0s"})
    with server.connect() as connection:
        connection.request()
        assert "close" in connection.response().fields.tokens("Connection")
        assert connection.end(2) == (b"", "fin")
