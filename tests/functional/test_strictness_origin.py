"""Responses that are not HTTP, or not whole: an origin failure, never handed to a client as if they were right."""
import time

import client
import content
import pytest
import wire
from domains import SLACK, domain
from origin import GARBAGE, TRUNCATIONS, Generated, Reply

CHUNKED_FIELD = b"Transfer-Encoding: chunked\r\n\r\n"

# Legal, if odd: name -> (response, the body that the client gets). The connection is closed behind each.
ODD = {
    "a 103 before the 200": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "ten 100s before the 200": (b"HTTP/1.1 100 Continue\r\n\r\n" * 10 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "a 102 before the 200": (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "no reason phrase": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "no reason phrase and no space": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "a reason of other letters": (b"HTTP/1.1 200 tr\xc3\xa8s bien\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "HTTP/1.0 until the close": (b"HTTP/1.0 200 OK\r\n\r\nok", b"ok"),
    "HTTP/1.0 with a length": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "HTTP/1.1 until the close": (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
    "an empty body until the close": (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    "chunk extensions": (b"HTTP/1.1 200 OK\r\n" + CHUNKED_FIELD + b"1;a=b\r\no\r\n1;c=\"d\"\r\nk\r\n0;e\r\n\r\n", b"ok"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTrailer: X-T\r\n" + CHUNKED_FIELD + b"2\r\nok\r\n0\r\nX-T: u\r\n\r\n", b"ok"),
    "chunked in capitals": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    "chunk sizes with zeros in front": (b"HTTP/1.1 200 OK\r\n" + CHUNKED_FIELD + b"0002\r\nok\r\n00\r\n\r\n", b"ok"),
    "a chunk size in capitals": (b"HTTP/1.1 200 OK\r\n" + CHUNKED_FIELD + b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "a length that is repeated": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "a list of equal lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", b"ok"),
    "names in lower case": (b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nok", b"ok"),
    "obs-text in a value": (b"HTTP/1.1 200 OK\r\nX-A: \xff\x80\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "200 fields": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "a field of 30,000 bytes": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 30_000 + b"\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "a status that has no name": (b"HTTP/1.1 299 Fine\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "bytes behind a response that closes": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok!!!", b"ok"),
}  # fmt: skip

FLOOD = [name for name in GARBAGE if "flood" in name or "endless" in name]


@pytest.fixture(scope="module", name="plant")
def _plant(make_once):
    """For each garbage an origin of its own, twice (detection must not mix them up), and one good backup."""
    masters = {name: (make_once.origin(name), make_once.origin(name)) for name in GARBAGE}
    backup = make_once.origin("backup")
    odd = make_once.origin("odd")
    domains = [domain(odd, name="odd.test")]
    for number, (name, (first, second)) in enumerate(masters.items()):
        first.default = second.default = Reply(raw=GARBAGE[name])
        domains.append(domain(first, backup, name=f"backup{number}.test"))
        domains.append(domain(second, name=f"alone{number}.test"))
    return make_once.headwater(domains, workers=2), masters, backup, odd


@pytest.fixture(scope="module", name="results")
def _results(plant, side_by_side):
    server, masters, _, _ = plant

    def run(row):
        number = list(masters).index(row)
        return server.get(host=f"backup{number}.test"), server.get(host=f"alone{number}.test")

    return side_by_side(run, GARBAGE)


@pytest.mark.parametrize("row", GARBAGE)
def test_garbage_is_an_origin_failure(plant, results, row):
    with_backup, alone = results[row]
    assert (with_backup.status, with_backup.body) == (200, b"backup")
    assert (alone.status, alone.error) == (502, "malformed")
    for response in (with_backup, alone):
        assert response.seconds < 2.1 + SLACK
    plant[0].assert_healthy()


def test_the_attempts_say_what_was_wrong(plant, results):
    server, masters, _, _ = plant
    results["an SSH banner"]
    number = list(masters).index("an SSH banner")
    lines = [line for line in server.wait_log(1) if line["host"] == f"backup{number}.test"]
    first, second = lines[0]["attempts"]
    assert (first["role"], first["reason"], first["next"]) == ("master", "malformed", "backup")
    assert (second["role"], second["status"], second["next"]) == ("backup", 200, "deliver")


@pytest.mark.parametrize("row", ODD)
def test_odd_responses_that_are_right_are_delivered(plant, row):
    server, _, _, odd = plant
    raw, body = ODD[row]
    odd.default = Reply(raw=raw)
    response = server.get(host="odd.test")
    assert response.status in (200, 299) and response.body == body


@pytest.mark.parametrize("row", ODD)
def test_odd_responses_byte_by_byte_are_the_same(make, row):
    raw, body = ODD[row]
    if len(raw) > 500:
        pytest.skip("it would take too long")
    origin = make.origin("drip")
    origin.default = Reply(raw=raw, drip="head", drip_s=0.0005)
    response = make.headwater([domain(origin)]).get()
    assert response.status in (200, 299) and response.body == body


def truncated_or_refused(address, host, version):
    """How a response that cannot be whole ended: "fin", "rst", or its status when it is an honest error."""
    with client.Client(address) as connection:
        connection.request(host=host, version=version)
        try:
            response = connection.response(timeout=6)
        except wire.Truncated as error:
            return error.how
    assert response.status in (502, 504), f"a broken body was delivered as if it were whole: {response}"
    return response.status


@pytest.mark.parametrize("name", TRUNCATIONS)
def test_a_broken_body_is_visibly_truncated(make, name):
    origin = make.origin("cut")
    origin.default = Reply(raw=TRUNCATIONS[name])
    server = make.headwater([domain(origin)])
    assert truncated_or_refused(server.address, "edge.test", "1.1") in ("fin", "rst", 502)
    assert truncated_or_refused(server.address, "edge.test", "1.0") in ("rst", 502)
    for line in server.wait_log(2):
        assert line["end"] == "truncated" or line["status"] == 502
        assert line["attempts"][0]["reason"] in ("truncated", "malformed")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("how", ["close", "reset", "hang"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_large_body_that_ends_early_is_visibly_truncated(make, framing, how, version):
    if (framing, how) == ("close", "close"):
        pytest.skip("that is how such a body ends")
    origin = make.origin("cut")
    origin.default = Reply(body=Generated("a", 900_000), framing=framing, cut="mid_body", cut_after=500_000, how=how)
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        connection.request(version=version)
        begun = time.monotonic()
        with pytest.raises(wire.Truncated) as error:
            connection.response(timeout=6)
    assert time.monotonic() - begun < 1 + SLACK + 1
    assert error.value.how in (("fin", "rst") if version == "1.1" and framing != "close" else ("fin", "rst", "timeout"))
    if version == "1.0" or framing == "close" and version == "1.0":
        assert error.value.how == "rst"
    got = error.value.response
    assert got.size <= 500_000 and got.body == content.generate("a", 0, got.size)
    assert server.wait_log(1)[0]["end"] == "truncated"


SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"


@pytest.mark.parametrize("first", [
    Reply(body=b"first", extra=SECOND),
    Reply(status=204, framing="none", extra=SECOND),
    Reply(status=304, framing="none", extra=SECOND),
    Reply(body=b"first", framing="chunked", extra=SECOND),
    Reply(body=b"first", extra=b"x"),
], ids=["200", "204", "304", "chunked", "garbage"])  # fmt: skip
def test_bytes_behind_a_response_are_never_another_one(make, first):
    origin = make.origin("one")
    origin.on("/first", first)
    origin.on("/next", lambda request: Reply(body=request.target.encode()))
    server = make.headwater([domain(origin, cache={"mode": "off"})])
    with server.connect() as connection:
        for number in range(5):
            connection.request(target="/first", fields=[("If-None-Match", '"a"')])
            assert connection.response().body in (b"first", b"")
            connection.request(target=f"/next?{number}")
            assert connection.response().body == b"/next?%d" % number


def test_a_body_in_answer_to_head_is_never_another_response(make):
    origin = make.origin("one")
    origin.on("/head", Reply(body=b"12345678", extra=b"12345678"))
    origin.on("/next", lambda request: Reply(body=request.target.encode()))
    server = make.headwater([domain(origin)])
    with server.connect() as connection:
        for number in range(5):
            connection.request("HEAD", "/head")
            assert connection.response("HEAD").status == 200
            connection.request(target=f"/next?{number}")
            assert connection.response().body == b"/next?%d" % number


def test_a_response_that_nobody_asked_for_does_not_answer_the_next_request(make):
    """A whole response waits on an idle kept connection when the next request comes."""
    origin = make.origin("one")

    def reply(request):
        return Reply(body=request.target.encode(), extra=SECOND if request.target == "/0" else b"")

    origin.default = reply
    server = make.headwater([domain(origin)])
    for number in range(4):
        assert server.get(f"/{number}").body == b"/%d" % number
        time.sleep(0.05)


@pytest.mark.parametrize("name", FLOOD)
def test_a_flood_from_one_origin_is_not_noticed_by_others(make, name):
    bad, good = make.origin("bad"), make.origin("good")
    bad.default = Reply(raw=GARBAGE[name])
    server = make.headwater([domain(bad, name="bad.test"), domain(good)])
    with server.connect() as connection:
        for _ in range(5):
            with server.connect() as flooded:
                flooded.request(host="bad.test")
                begun = time.monotonic()
                connection.request()
                assert connection.response().body == b"good"
                assert time.monotonic() - begun < 1
                assert flooded.response().status == 502
