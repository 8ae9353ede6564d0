"""What travels from the client to the origin and back, and what does not (origin-pull.md section 7)."""
import re
import socket
import time

import client
import content
import pytest
from domains import domain, origin_of
from origin import Generated, Reply


@pytest.fixture(scope="module", name="shared")
def _shared(make_once):
    """An origin and a Headwater for the tests that only look at one exchange."""
    origin = make_once.origin("master")
    wild = make_once.origin("wild")
    deep = make_once.origin("deep")
    server = make_once.headwater([
        domain(origin),
        domain(origin, name="debug.test", debug=True),
        domain(origin_of(origin, host="real.example"), name="renamed.test"),
        domain(wild, name="*.wild.test"),
        domain(deep, name="*.deep.wild.test"),
        domain(deep, name="exact.deep.wild.test", status="offline"),
        domain(origin, name="away.test", status="offline"),
    ])  # fmt: skip
    return server, origin, wild, deep


@pytest.fixture(name="pair")
def _pair(shared):
    server, origin, wild, deep = shared
    for one in (origin, wild, deep):
        one.forget()
        one._replies.clear()
        one.default = Reply(body=one.name.encode())
    return server, origin


def test_a_response_comes_through_unchanged(pair):
    server, origin = pair
    fields = (("Content-Type", "text/x-odd; a=\"b\""), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Empty", ""))
    origin.default = Reply(fields=fields, body=b"\x00\xffbody")
    response = server.get("/a")
    assert (response.status, response.reason, response.body) == (200, "OK", b"\x00\xffbody")
    assert response.fields.all("Set-Cookie") == ["a=1", "b=2"]
    assert response.fields.get("Content-Type") == "text/x-odd; a=\"b\""
    assert response.fields.get("X-Empty") == ""
    assert response.fields.get("X-Cache") == "PASS"
    assert "headwater" in response.fields.get("Via")


def test_a_request_comes_through_with_what_we_add(pair):
    server, origin = pair
    server.get("/a/b%2F%20c?q=1&r=%c3%a9", fields=[("X-One", "1"), ("X-Two", "\xe9"), ("Accept", "*/*"), ("X-One", "2")])
    (request,) = origin.requests
    assert (request.method, request.target, request.version) == ("GET", "/a/b%2F%20c?q=1&r=%c3%a9", "1.1")
    fields = request.fields
    assert fields.get("Host") == "edge.test"
    assert fields.all("X-One") == ["1", "2"] and fields.get("X-Two") == "\xe9" and fields.get("Accept") == "*/*"
    assert fields.get("Via") == "1.1 headwater"
    assert fields.get("CDN-Loop") == "headwater"
    assert fields.get("X-Forwarded-For") == "127.0.0.1"
    assert fields.get("X-Forwarded-Proto") == "http"
    assert "Connection" not in fields and "Content-Length" not in fields and "Transfer-Encoding" not in fields


def test_the_configured_host_is_sent(pair):
    server, origin = pair
    assert server.get(host="renamed.test").status == 200
    assert origin.requests[0].fields.get("Host") == "real.example"


def test_the_host_that_was_asked_for_is_sent_by_a_wildcard(shared, pair):
    server, _, wild, _ = shared
    assert server.get(host="a.wild.test").body == b"wild"
    assert wild.requests[0].fields.get("Host") == "a.wild.test"


@pytest.mark.parametrize("host, status, body", [
    ("a.wild.test", 200, b"wild"),
    ("a.b.wild.test", 200, b"wild"),
    ("a.deep.wild.test", 200, b"deep"),
    ("deep.wild.test", 200, b"wild"),
    ("exact.deep.wild.test", 404, None),
    ("wild.test", 421, None),
    ("EDGE.Test", 200, b"master"),
    ("edge.test:8080", 200, b"master"),
    ("away.test", 404, None),
    ("unknown.test", 421, None),
    ("127.0.0.1", 421, None),
    ("[::1]:80", 421, None),
])  # fmt: skip
def test_the_most_specific_name_wins(pair, host, status, body):
    response = pair[0].get(host=host)
    assert response.status == status
    assert body is None or response.body == body
    if status == 421:
        assert response.error == "unknown_host"
    if status == 404:
        assert response.error == "offline"


def test_hop_by_hop_fields_of_the_client_do_not_travel(pair):
    server, origin = pair
    server.get(fields=[
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
        ("Upgrade", "websocket"), ("Proxy-Connection", "keep-alive"), ("Proxy-Authorization", "Basic eA=="),
        ("X-End", "stays"),
    ])  # fmt: skip
    fields = origin.requests[0].fields
    for name in ("Connection", "X-Hop", "Keep-Alive", "Upgrade", "Proxy-Connection", "Proxy-Authorization"):
        assert name not in fields, name
    assert fields.get("X-End") == "stays"


def test_hop_by_hop_fields_of_the_origin_do_not_travel(pair):
    server, origin = pair
    origin.default = Reply(body=b"x", fields=(
        ("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"),
        ("Upgrade", "h2c"), ("X-End", "stays"),
    ))  # fmt: skip
    fields = server.get().fields
    for name in ("X-Hop", "Keep-Alive", "Proxy-Connection", "Upgrade"):
        assert name not in fields, name
    assert fields.tokens("Connection") == ["close"]  # our own, as the client wanted
    assert fields.get("X-End") == "stays"


@pytest.mark.parametrize("named", ["Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "CDN-Loop", "Via"])
def test_connection_cannot_strip_what_we_need(pair, named):
    server, origin = pair
    response = server.ask("PUT", "/a", fields=[("Connection", named)], body=b"12345")
    if response.status == 200:
        (request,) = origin.requests
        assert request.body == b"12345" and request.fields.get("Host") == "edge.test"
        assert request.fields.get("X-Forwarded-For") and request.fields.get("Via") and request.fields.get("CDN-Loop")
    else:
        assert response.status == 400 and not origin.requests


def test_a_client_that_is_not_trusted_cannot_say_who_it_is(pair):
    server, origin = pair
    server.get(fields=[("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("Forwarded", "for=192.0.2.1")])
    fields = origin.requests[0].fields
    assert fields.get("X-Forwarded-For").split(",")[-1].strip() == "127.0.0.1"
    assert fields.get("X-Forwarded-Proto") == "http"


def test_via_is_continued(pair):
    server, origin = pair
    server.get(fields=[("Via", "1.0 first")])
    assert re.fullmatch(r"1\.0 first, ?1\.1 headwater", ", ".join(origin.requests[0].fields.all("Via")))


def test_via_tells_the_version_that_was_spoken(pair):
    """RFC 9110 7.6.3, both ways; also from the cache."""
    server, origin = pair
    for version, other in (("1.0", "1.1"), ("1.1", "1.0")):
        for kept in ("no-store", "max-age=60"):
            origin.default = Reply(version=other, fields=(("Cache-Control", kept),), body=b"x")
            origin.forget()
            path = f"/via/{version}/{kept}"
            for _ in range(2):
                assert server.get(path, version=version).fields.get("Via") == f"{other} headwater"
            assert [request.fields.get("Via") for request in origin.requests] == [f"{version} headwater"] * (
                2 if kept == "no-store" else 1)  # fmt: skip


@pytest.mark.parametrize("host, fields, status, word", [
    ("unknown.test", [], 421, "PASS"),
    ("away.test", [], 404, "PASS"),
    ("edge.test", [("CDN-Loop", "headwater")], 508, "PASS"),
    ("edge.test", [("Expect", "pigs")], 417, "PASS"),
    ("edge.test", [("If-Match", '"b"')], 412, "HIT"),
    ("edge.test", [("Range", "bytes=9-")], 416, "HIT"),
])  # fmt: skip
def test_an_error_of_ours_says_what_the_cache_did(pair, host, fields, status, word):
    """Cache-Status only where it follows from what is stored (RFC 9211 section 2)."""
    server, origin = pair
    origin.default = Reply(fields=(("Cache-Control", "max-age=60"), ("ETag", '"a"')), body=b"x")
    server.get("/kept")
    response = server.get("/kept", host=host, fields=fields)
    assert (response.status, response.fields.get("X-Cache")) == (status, word)
    assert response.error
    told = response.fields.get("Cache-Status")
    assert told.startswith("headwater; hit") if word == "HIT" else told is None


@pytest.mark.parametrize("loop, status", [
    ("headwater", 508),
    ("other, headwater", 508),
    ("other;v=1 , headwater; a=\"b, c\"", 508),
    ("HEADWATER", None),
    ("other", 200),
    ("headwater2, \"headwater\"", 200),
])  # fmt: skip
def test_a_request_that_was_here_before_is_refused(pair, loop, status):
    server, origin = pair
    response = server.get(fields=[("CDN-Loop", loop)])
    if status == 508:
        assert response.status == 508 and response.error == "loop" and not origin.requests
    elif status == 200:
        assert response.status == 200
        assert ", ".join(origin.requests[0].fields.all("CDN-Loop")) == f"{loop}, headwater"


def test_an_absolute_form_becomes_an_origin_form_and_its_host_counts(pair):
    server, origin = pair
    assert server.get("http://renamed.test/a?b", host="edge.test").status == 200
    (request,) = origin.requests
    assert request.target == "/a?b" and request.fields.get("Host") == "real.example"


def test_options_for_the_server_as_a_whole_reach_the_origin(pair):
    server, origin = pair
    assert server.ask("OPTIONS", "*").status == 200
    assert origin.requests[0].target == "*" and origin.requests[0].method == "OPTIONS"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "X-OWN"])
def test_every_method_travels(pair, method):
    server, origin = pair
    assert server.ask(method, "/m").status == 200
    assert [request.method for request in origin.requests] == [method]


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_of_proxies_do_not_travel(pair, method):
    server, origin = pair
    target = "edge.test:80" if method == "CONNECT" else "/"
    assert server.ask(method, target).status in (400, 405, 501)
    assert not origin.requests


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_head_has_no_body(pair, framing):
    server, origin = pair
    origin.default = Reply(body=b"0123456789", framing=framing)
    response = server.ask("HEAD", "/")
    assert response.status == 200 and response.body == b""
    if framing == "length":
        assert response.fields.get("Content-Length") == "10"


@pytest.mark.parametrize("row", [
    200, 201, 202, 203, 204, 205, 207, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 410, 412,
    416, 421, 422, 429, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599,
])  # fmt: skip
def test_statuses_pass_as_they_are_without_a_backup(pair, row):
    server, origin = pair
    body = b"" if row in (204, 205) else b"this one's own"
    origin.default = Reply(status=row, reason=f"Number {row}", body=body, fields=(("Location", "/x"),))
    response = server.get()
    assert (response.status, response.body) == (row, body)
    assert response.error is None


def test_a_304_passes_for_a_condition_and_a_206_for_a_range(make, origin):
    server = make.headwater([domain(origin, cache={"mode": "off"})])
    origin.on("/c", Reply(status=304, fields=(("ETag", '"a"'),)))
    response = server.get("/c", fields=[("If-None-Match", '"a"')])
    assert (response.status, response.body, response.fields.get("ETag")) == (304, b"", '"a"')
    origin.on("/r", Reply(status=206, fields=(("Content-Range", "bytes 2-4/9"),), body=b"234"))
    response = server.get("/r", fields=[("Range", "bytes=2-4")])
    assert (response.status, response.body, response.fields.get("Content-Range")) == (206, b"234", "bytes 2-4/9")
    assert origin.on_path("/r")[0].fields.get("Range") == "bytes=2-4"


def test_interim_responses_reach_clients_that_know_them(pair):
    server, origin = pair
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    origin.default = Reply(interim=(hint, hint), body=b"x")
    response = server.get()
    assert [head.status for head in response.interim] == [103, 103]
    assert response.interim[0].fields.get("Link") == "</s.css>; rel=preload"
    old = server.get(version="1.0")
    assert (old.interim, old.body) == ([], b"x")


def test_debug_tells_where_a_response_came_from(pair):
    server, origin = pair
    response = server.get(host="debug.test")
    assert response.fields.get("X-Headwater-Origin") == f"master {origin.address}"
    assert "Server-Timing" in response.fields
    assert "X-Headwater-Origin" not in server.get().fields
    origin.default = Reply(fields=(("Cache-Control", "max-age=60"),))
    for word, told in (("MISS", f"master {origin.address}"), ("HIT", "master")):
        fields = server.get("/kept", host="debug.test").fields
        assert (fields.get("X-Cache"), fields.get("X-Headwater-Origin")) == (word, told)


KEPT = (("Cache-Control", "max-age=100"), ("Age", "200"), ("ETag", '"a"'))


@pytest.mark.parametrize("path, replies, status, word, reason", [
    ("/passed", [Reply(fields=(("Cache-Control", "no-store"),))], 200, "PASS", "none"),
    ("/stored", [Reply(fields=KEPT)], 200, "MISS", "none"),
    ("/validated", [Reply(fields=KEPT), Reply(status=304, fields=KEPT)], 200, "REVALIDATED", "none"),
    ("/stale", [Reply(fields=KEPT), Reply(raw=b"nonsense\r\n\r\n")], 200, "STALE", "malformed"),
    ("/broken", [Reply(raw=b"nonsense\r\n\r\n")], 502, "MISS", "malformed"),
])  # fmt: skip
def test_debug_tells_what_each_attempt_took(pair, path, replies, status, word, reason):
    server, origin = pair
    for reply in replies:
        origin.default = reply
        response = server.get(path, host="debug.test")
    assert (response.status, response.fields.get("X-Cache")) == (status, word)
    assert re.fullmatch(rf'attempt1;dur=\d+\.\d{{3}};desc="master {reason}"', response.fields.get("Server-Timing"))


def test_what_an_origin_says_in_our_name_is_not_believed(pair):
    server, origin = pair
    origin.default = Reply(fields=(("X-Cache", "HIT"), ("X-Headwater-Error", "reset"), ("X-Headwater-Origin", "x")))
    fields = server.get().fields
    assert fields.get("X-Cache") == "PASS"
    assert "X-Headwater-Error" not in fields and "X-Headwater-Origin" not in fields


def test_an_ipv6_origin_works(make):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    try:
        origin = make.origin("six", host="::1")
    except OSError:
        pytest.skip("no ::1")
    server = make.headwater([domain(origin)])
    assert server.get().body == b"six"


def test_an_edge_alone_serves_as_well(make, origin):
    server = make.headwater([domain(origin)], command="edge")
    assert server.get().body == b"master"


def test_one_domain_can_be_given_by_flags(make, origin):
    backup = make.origin("backup")
    server = make.headwater(flags=["--domain", "one.test", "--origin", origin.address, "--backup", backup.address])
    assert server.get(host="one.test").body == b"master"
    assert server.get(host="two.test").status == 421
    origin.default = Reply(status=503)
    assert server.get(host="one.test").body == b"backup"


def test_all_listeners_serve(make, origin):
    server = make.headwater([domain(origin)], listen=["127.0.0.1:0", "127.0.0.1:0"], workers=2)
    assert len(set(server.addresses)) == 2
    for address in server.addresses:
        assert client.exchange(address).body == b"master"


def test_it_listens_on_ipv6(make, origin):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no ::1")
    server = make.headwater([domain(origin)], listen=["[::1]:0"])
    assert server.address[0] == "::1" and server.get().body == b"master"
    assert origin.requests[0].fields.get("X-Forwarded-For") == "::1"
    assert server.wait_log(1)[0]["client"] == "::1"


@pytest.mark.parametrize("mode", ["off", "on"])
def test_what_nginx_serves_directly_comes_through_the_same(make, mode):
    nginx = make.nginx()
    (nginx.files / "page.html").write_text("<p>hello</p>\n" * 100)
    (nginx.files / "data.bin").write_bytes(content.generate("d", 0, 3_000_000))
    nginx.start()
    server = make.headwater([domain(nginx, cache={"mode": mode})])
    etag = client.exchange(("127.0.0.1", nginx.port), target="/page.html").fields.get("ETag")
    for method, target, fields in [
        ("GET", "/page.html", []), ("HEAD", "/page.html", []), ("GET", "/data.bin", []), ("GET", "/none", []),
        ("GET", "/data.bin", [("Range", "bytes=1000-1999")]), ("GET", "/data.bin", [("Range", "bytes=0-1,5-9")]),
        ("GET", "/data.bin", [("Range", "bytes=9999999-")]), ("GET", "/page.html", [("If-None-Match", etag)]),
        ("DELETE", "/page.html", []),
    ]:  # fmt: skip
        direct = client.exchange(("127.0.0.1", nginx.port), method, target, fields=fields)
        through = server.ask(method, target, fields=fields)
        assert through.status == direct.status, (method, target, fields)
        is_ours = mode == "on" and (direct.status in (304, 416) or "multipart" in direct.fields.get("Content-Type", ""))
        if is_ours:
            continue  # test_cache_ranges.py
        assert through.reason == direct.reason, (method, target, fields)
        if "multipart" not in direct.fields.get("Content-Type", ""):
            assert through.digest == direct.digest, (method, target, fields)
        names = ["Content-Length", "Last-Modified", "ETag", "Content-Range"]
        # nginx leaves it out of a 206; what is remembered of its 200 has it.
        names += ["Accept-Ranges"] if direct.status != 206 else []
        for name in names:
            assert through.fields.get(name) == direct.fields.get(name), (method, target, name)


def test_large_heads_within_the_limits_travel_both_ways(pair):
    server, origin = pair
    many = [(f"X-Many-{number}", "v" * 200) for number in range(100)]
    origin.default = Reply(fields=tuple(many), body=Generated("a", 10))
    response = server.get(fields=many)
    assert [field for field in response.fields if field[0].startswith("X-Many")] == many
    assert [field for field in origin.requests[0].fields if field[0].startswith("X-Many")] == many


def test_names_and_values_of_fields_keep_their_bytes(pair):
    server, origin = pair
    value = "".join(chr(code) for code in range(0x21, 0x7F)) + "\t " + "".join(chr(code) for code in range(0x80, 0x100))
    origin.default = lambda request: Reply(fields=(("x-ODD!#$%&'*+-.^_`|~9", request.fields.get("x-in")),))
    assert server.get(fields=[("x-in", value)]).fields.get("x-odd!#$%&'*+-.^_`|~9") == value


def test_two_servers_in_a_row_find_their_loop(make):
    holder = make.origin("holder")
    first = make.headwater([domain(holder)])
    second = make.headwater([domain(f"127.0.0.1:{first.port}")])
    first.write_domains([domain(f"127.0.0.1:{second.port}")])
    end = time.monotonic() + 5
    while (response := second.get()).status == 200 and time.monotonic() < end:
        time.sleep(0.05)
    assert response.status == 508
