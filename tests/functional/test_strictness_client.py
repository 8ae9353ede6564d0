"""Requests that are not what they seem: refused, the connection closed, and nothing of them at the origin."""
import time

import client
import pytest
import wire
from domains import domain

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: edge.test\r\n\r\n"


def request(line=b"GET / HTTP/1.1", *fields, host=b"Host: edge.test", body=b""):
    lines = [line] + ([host] if host is not None else []) + list(fields)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


POST = b"POST /post HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"
CONTROLS = {f"byte {code:#04x} in a value": request(b"GET / HTTP/1.1", b"X-A: a" + bytes([code]) + b"b")
            for code in [*range(9), 11, 12, *range(14, 32), 127]}  # fmt: skip
IN_NAME = {f"byte {code:#04x} in a name": request(b"GET / HTTP/1.1", b"X" + bytes([code]) + b"A: b")
           for code in [0, 1, 9, 32, *b'"(),/;<=>?@[\\]{}', 127, 128, 255]}  # fmt: skip
IN_TARGET = {f"byte {code:#04x} in the target": request(b"GET /a" + bytes([code]) + b"b HTTP/1.1")
             for code in [0, 1, 9, 11, 12, 127, 128, 255]}  # fmt: skip
IN_METHOD = {f"byte {code:#04x} in the method": request(b"G" + bytes([code]) + b"T / HTTP/1.1")
             for code in [0, 1, 9, *b'"(),/:;<=>?@[\\]{}', 127, 128, 255]}  # fmt: skip
LENGTHS = {f"Content-Length {text!r}": request(POST, b"Content-Length: " + text, body=SMUGGLED)
           for text in [b"", b"-1", b"+5", b"5 5", b"5,5", b"5, 5", b"5,6", b"0x5", b"5.0", b"5a", b"a", b"1e1",
                        b"18446744073709551616", b"99999999999999999999999999", b"5;", b"\"5\"", b"5\xc2\xa0"]}  # fmt: skip
CODINGS = {f"Transfer-Encoding {text!r}": request(POST, b"Transfer-Encoding: " + text, body=b"0\r\n\r\n" + SMUGGLED)
           for text in [b"", b"identity", b"gzip", b"chunked, gzip", b"chunked, chunked", b"chunked,",
                        b",chunked", b"xchunked", b"chunkedx", b"chunked;q=1", b"\"chunked\"", b"chun ked", b"\x0bchunked",
                        b"chunked\x0b", b"chunked, identity"]}  # fmt: skip
HOSTS = {f"Host {text!r}": request(host=b"Host: " + text)
         for text in [b"", b"a b", b"edge.test, edge.test", b"edge.test/a", b"user@edge.test", b"edge.test:x",
                      b"edge.test:99999", b"edge.test:-1", b"http://edge.test", b"edge\xe9.test", b"[::1", b"::1", b"edge.test#",
                      b"edge.test?", b"edge.test\\", b"edge..test", b"<edge.test>", b"a" * 300]}  # fmt: skip
CHUNKS = {f"chunk {text!r}": request(b"POST /chunk HTTP/1.1", CHUNKED, body=text)
          for text in [b"x\r\n", b"-1\r\n", b"+5\r\n12345\r\n0\r\n\r\n", b"0x5\r\n12345\r\n0\r\n\r\n", b" 5\r\n12345\r\n0\r\n\r\n",
                       b"5\n12345\r\n0\r\n\r\n", b"5\r12345\r\n0\r\n\r\n", b"5\r\n12345\n0\r\n\r\n", b"5\r\n123456\r\n0\r\n\r\n",
                       b"5\r\n12345X0\r\n\r\n", b"fffffffffffffffff\r\n", b"\r\n", b";a\r\n", b"5 5\r\n12345\r\n0\r\n\r\n",
                       b"5;\x00\r\n12345\r\n0\r\n\r\n", b"5;" + b"a" * 5000 + b"\r\n12345\r\n0\r\n\r\n",
                       b"5\r\n12345\r\n0\r\nX A: b\r\n\r\n", b"5\r\n12345\r\n0\r\n X: b\r\n\r\n", b"5\r\n12345\r\n0\r\nX: b\n\r\n",
                       b"5\r\n12345\r\n0\r\nX: " + b"a" * 9000 + b"\r\n\r\n"]}  # fmt: skip

# name -> (bytes, the statuses that are right)
BAD = {
    "a length and chunked": (request(POST, b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), {400}),
    "chunked and a length": (request(POST, CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED), {400}),
    "two differing lengths": (request(POST, b"Content-Length: 5", b"Content-Length: 6", body=SMUGGLED), {400}),
    "two equal lengths": (request(POST, b"Content-Length: 5", b"Content-Length: 5", body=b"12345" + SMUGGLED), {400}),
    "two Transfer-Encodings": (request(POST, CHUNKED, CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), {400}),
    "a folded Transfer-Encoding": (request(POST, b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n" + SMUGGLED), {400}),
    "chunked in HTTP/1.0": (request(b"POST / HTTP/1.0", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), {400}),
    "a space before the colon of Content-Length": (request(POST, b"Content-Length : 5", body=b"12345"), {400}),
    "a space before the colon of Transfer-Encoding": (request(POST, b"Transfer-Encoding : chunked", body=SMUGGLED), {400}),
    "a tab before the colon": (request(b"GET / HTTP/1.1", b"X-A\t: b"), {400}),
    "a bare LF head": (b"GET / HTTP/1.1\nHost: edge.test\n\n", {400}),
    "a bare LF between fields": (b"GET / HTTP/1.1\r\nHost: edge.test\nX-A: b\r\n\r\n", {400}),
    "a bare LF at the end": (b"GET / HTTP/1.1\r\nHost: edge.test\r\n\n", {400}),
    "a bare CR in a value": (request(b"GET / HTTP/1.1", b"X-A: a\rb"), {400}),
    "a bare CR between fields": (b"GET / HTTP/1.1\rHost: edge.test\r\r\n\r\n", {400}),
    "a CR before the CRLF": (b"GET / HTTP/1.1\r\nHost: edge.test\r\r\n\r\n", {400}),
    "an obs-fold": (request(b"GET / HTTP/1.1", b"X-A: a", b" b"), {400}),
    "an obs-fold by a tab": (request(b"GET / HTTP/1.1", b"X-A: a", b"\tb"), {400}),
    "white space in front of the first field": (b"GET / HTTP/1.1\r\n Host: edge.test\r\n\r\n", {400}),
    "a field without colon": (request(b"GET / HTTP/1.1", b"nonsense"), {400}),
    "an empty field name": (request(b"GET / HTTP/1.1", b": a"), {400}),
    "no Host": (request(host=None), {400}),
    "two Hosts": (request(b"GET / HTTP/1.1", b"Host: edge.test"), {400}),
    "two differing Hosts": (request(b"GET / HTTP/1.1", b"Host: other.test"), {400}),
    "no version": (b"GET /\r\nHost: edge.test\r\n\r\n", {400, 505}),
    "HTTP/0.9": (b"GET /\r\n", {400, 505}),
    "HTTP/2.0": (request(b"GET / HTTP/2.0"), {505}),
    "HTTP/3.0": (request(b"GET / HTTP/3.0"), {505}),
    "HTTP/0.1": (request(b"GET / HTTP/0.1"), {400, 505}),
    "HTTP/11": (request(b"GET / HTTP/11"), {400, 505}),
    "HTTP/1.": (request(b"GET / HTTP/1."), {400, 505}),
    "HTTP/1.10": (request(b"GET / HTTP/1.10"), {400, 505}),
    "http/1.1": (request(b"GET / http/1.1"), {400, 505}),
    "HTTX/1.1": (request(b"GET / HTTX/1.1"), {400, 505}),
    "two spaces in the request line": (request(b"GET  / HTTP/1.1"), {400}),
    "two spaces before the version": (request(b"GET /  HTTP/1.1"), {400}),
    "a space behind the version": (request(b"GET / HTTP/1.1 "), {400, 505}),
    "a tab in the request line": (request(b"GET\t/ HTTP/1.1"), {400}),
    "a space in the target": (request(b"GET /a b HTTP/1.1"), {400}),
    "a space in front of the request line": (b" " + request(), {400}),
    "an empty method": (request(b" / HTTP/1.1"), {400}),
    "an empty target": (request(b"GET  HTTP/1.1"), {400}),
    "a target without slash": (request(b"GET a HTTP/1.1"), {400}),
    "a fragment": (request(b"GET /a#b HTTP/1.1"), {400}),
    "an asterisk without OPTIONS": (request(b"GET * HTTP/1.1"), {400}),
    "another scheme": (request(b"GET ftp://edge.test/ HTTP/1.1"), {400, 421}),
    "an absolute-form without host": (request(b"GET http:///a HTTP/1.1"), {400}),
    "a user in the absolute-form": (request(b"GET http://u@edge.test/ HTTP/1.1"), {400}),
    "an absolute-form with a bad Host": (request(b"GET http://edge.test/ HTTP/1.1", host=b"Host: a b"), {400}),
    "CONNECT": (request(b"CONNECT edge.test:443 HTTP/1.1"), {400, 405, 501}),
    "TRACE": (request(b"TRACE / HTTP/1.1"), {405, 501}),
    "a method of 100 bytes": (request(b"M" * 100 + b" / HTTP/1.1"), {400, 501}),
    "a target of 9,000 bytes": (request(b"GET /" + b"a" * 9000 + b" HTTP/1.1"), {414}),
    "a target of 200,000 bytes": (request(b"GET /" + b"a" * 200_000 + b" HTTP/1.1"), {414}),
    "a head of 40,000 bytes": (request(b"GET / HTTP/1.1", b"X-A: " + b"a" * 40_000), {431}),
    "a head of 200,000 bytes": (request(b"GET / HTTP/1.1", b"X-A: " + b"a" * 200_000), {431}),
    "200 fields": (request(b"GET / HTTP/1.1", *[b"X: y"] * 200), {431}),
    "50,000 fields": (request(b"GET / HTTP/1.1", *[b"X: y"] * 50_000), {431}),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n", {400}),
    "almost an HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", {400, 405, 501, 505}),
    "a PROXY header nobody asked for": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request(), {400, 505}),
    "an SSH banner": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {400}),
    "an unknown expectation": (request(POST, b"Expect: 200-maybe", b"Content-Length: 0"), {417}),
    "two empty lines and garbage": (b"\r\n\r\n\x00\x00\r\n\r\n", {400}),
    **{name: (data, {400}) for name, data in {**CONTROLS, **IN_NAME, **LENGTHS, **HOSTS, **CHUNKS}.items()},
    **{name: (data, {400}) for name, data in {**IN_TARGET, **IN_METHOD}.items()},
    **{name: (data, {400}) for name, data in CODINGS.items()},
    "a coding below chunked": (request(POST, b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + SMUGGLED), {501}),
}  # fmt: skip

GOOD = {
    "an empty line in front": b"\r\n" + request(),
    "no space behind the colon": request(b"GET / HTTP/1.1", b"X-A:b", host=b"Host:edge.test"),
    "white space around a value": request(b"GET / HTTP/1.1", b"X-A: \t b\t ", host=b"Host: \t edge.test \t"),
    "an empty value": request(b"GET / HTTP/1.1", b"X-A:", b"X-B: "),
    "names in odd case": request(b"GET / HTTP/1.1", b"x-a: B", host=b"hOST: edge.test"),
    "obs-text in a value": request(b"GET / HTTP/1.1", b"X-A: \x80\xff\xc3\xa9"),
    "a later minor version": request(b"GET / HTTP/1.2"),
    "an absolute-form": request(b"GET http://edge.test/a HTTP/1.1"),
    "an absolute-form in capitals": request(b"GET HTTP://EDGE.TEST/a HTTP/1.1"),
    "an absolute-form without path": request(b"GET http://edge.test HTTP/1.1"),
    "a port in Host": request(host=b"Host: edge.test:81"),
    "an empty port in Host": request(host=b"Host: edge.test:"),
    "a target of 8,000 bytes": request(b"GET /" + b"a" * 8000 + b" HTTP/1.1"),
    "a head of 30,000 bytes": request(b"GET / HTTP/1.1", b"X-A: " + b"a" * 30_000),
    "120 fields": request(b"GET / HTTP/1.1", *[b"X: y"] * 120),
    "a length of zeros": request(POST, b"Content-Length: 00"),
    "a length with zeros in front": request(POST, b"Content-Length: 0005", body=b"12345"),
    "chunked in capitals": request(POST, b"Transfer-Encoding: CHUNKED", body=b"5\r\n12345\r\n0\r\n\r\n"),
    "chunk extensions": request(POST, CHUNKED, body=b"5;a=b;c=\"d\"\r\n12345\r\n0;z\r\n\r\n"),
    "chunk sizes with zeros in front": request(POST, CHUNKED, body=b"0005\r\n12345\r\n000\r\n\r\n"),
    "all characters of a target": request(b"GET /!$&'()*+,;=:@-._~%00%0d%0a/?a=/?%ff HTTP/1.1"),
    "a field that looks like a request": request(b"GET / HTTP/1.1", b"X-A: GET /smuggled HTTP/1.1"),
}  # fmt: skip


@pytest.fixture(scope="module", name="trio")
def _trio(make_once):
    """A Headwater, the origin that must get nothing of bad requests, and one for the good ones."""
    bad, good = make_once.origin("bad"), make_once.origin("good")
    return make_once.headwater([domain(bad), domain(good, name="good.test")]), bad, good


@pytest.fixture(name="good")
def _good(trio):
    trio[2].forget()
    return trio[2]


@pytest.fixture(scope="module", name="results")
def _results(trio, side_by_side):
    def run(row):
        with client.Client(trio[0].address, timeout=10) as connection:
            connection.send(BAD[row][0] + SMUGGLED)
            try:
                response = connection.response()
            except wire.Truncated as error:
                return None, str(error)
            return response, connection.end()

    return side_by_side(run, BAD)


@pytest.mark.parametrize("row", BAD)
def test_a_bad_request_is_refused_and_its_connection_closed(trio, results, row):
    response, end = results[row]
    assert response is not None, end
    assert response.status in BAD[row][1], response
    assert "close" in response.fields.tokens("Connection")
    assert response.fields.get("X-Cache") == "PASS"
    assert end[0] == b"", f"something follows: {end}"
    trio[0].assert_healthy()


def test_nothing_of_a_bad_request_reaches_the_origin(trio, results):
    for row in results.futures:
        results[row]
    # A bad chunk shows only when the request is on its way already; then it must never become whole.
    assert not [request.raw for request in trio[1].requests if request.path != "/chunk" or request.whole]


@pytest.mark.parametrize("row", GOOD)
def test_an_odd_request_that_is_right_is_served(trio, good, row):
    data = GOOD[row].replace(b"edge.test", b"good.test").replace(b"EDGE.TEST", b"GOOD.TEST")
    with client.Client(trio[0].address) as connection:
        connection.send(data)
        assert connection.response().body == b"good"
        connection.request(host="good.test", target="/after")
        assert connection.response().body == b"good"
    assert len(good.requests) == 2
    if b"12345" in data:
        assert good.requests[0].body == b"12345"


def test_a_request_in_two_pieces_is_the_same_request(trio, good):
    data = (b"POST /a HTTP/1.1\r\nHost: good.test\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
            b"3;e\r\nabc\r\n0\r\nX-T: u\r\n\r\n")  # fmt: skip
    with client.Client(trio[0].address) as connection:
        for at in range(1, len(data)):
            connection.send(data[:at])
            time.sleep(0.001)
            connection.send(data[at:])
            assert connection.response().status == 200
    assert len(good.requests) == len(data) - 1
    assert {request.body for request in good.requests} == {b"abc"}


def test_a_request_byte_by_byte_is_the_same_request(trio, good):
    with client.Client(trio[0].address) as connection:
        for byte in b"GET /a HTTP/1.1\r\nHost: good.test\r\n\r\n":
            connection.send(bytes([byte]))
            time.sleep(0.001)
        assert connection.response().body == b"good"


def test_other_clients_do_not_notice_bad_ones(trio, good):
    with client.Client(trio[0].address) as steady:
        for row in list(BAD)[::7]:
            with client.Client(trio[0].address) as bad:
                bad.send(BAD[row][0])
                steady.request(host="good.test")
                assert steady.response().body == b"good"
