"""What is remembered and what never is (RFC 9111 section 3), and the truth about it: nothing that came
broken is ever remembered as whole."""
import pytest
import wire
from caching import FRESH, Site, age, at_once, fields_of, says, word
from origin import TRUNCATIONS, Generated, Reply

RULES = {
    "edge.test": {},
    "strip.test": {"cache": {"set_cookie": "strip"}},
    "small.test": {"cache": {"object_max": "1k"}},
    "off.test": {"cache": {"mode": "off"}},
}
SECRET = "Authorization: Basic eDp5"

# name -> (domain, the request's lines, what the origin says, the rest of its Reply)
NEVER = {
    "no-store (RFC 9111 5.2.2.5)": ("edge.test", (), "Cache-Control: no-store", {}),
    "no-store beside a lifetime (5.2.2.5)": ("edge.test", (), "Cache-Control: max-age=100, no-store", {}),
    "no-store in upper case (5.2)": ("edge.test", (), "Cache-Control: NO-STORE, Max-Age=100", {}),
    "no-store with an argument (5.2)": ("edge.test", (), "Cache-Control: no-store=1, max-age=100", {}),
    "no-store in its own line (5.2)": ("edge.test", (), ("Cache-Control: max-age=100", "Cache-Control: no-store"), {}),
    "no-store behind a broken quote (5.2)": ("edge.test", (), 'Cache-Control: max-age=100, a="b, no-store', {}),
    "private (5.2.2.7)": ("edge.test", (), "Cache-Control: private, max-age=100", {}),
    "private and s-maxage (5.2.2.7)": ("edge.test", (), "Cache-Control: private, s-maxage=100", {}),
    "private and public (4.2.1)": ("edge.test", (), "Cache-Control: public, private, max-age=100", {}),
    "private of a field that the whole depends on": ("edge.test", (), 'Cache-Control: max-age=100, private="etag"', {}),
    "an answer to Authorization (3.5)": ("edge.test", SECRET, "Cache-Control: max-age=100", {}),
    "an answer to Authorization with Expires (3.5)": ("edge.test", SECRET, "Expires: {now+100}", {}),
    "a cookie, by default": ("edge.test", (), (FRESH, "Set-Cookie: a=b"), {}),
    "a cookie beside public, by default": (
        "edge.test", (), ("Cache-Control: public, max-age=9", "Set-Cookie: a=b"), {}),
    "Vary: * (4.1)": ("edge.test", (), (FRESH, "Vary: *"), {}),
    "Vary with a * in it (4.1)": ("edge.test", (), (FRESH, "Vary: Accept, *"), {}),
    "a * in the second Vary (4.1)": ("edge.test", (), (FRESH, "Vary: Accept", "Vary: *"), {}),
    "Vary with what is no name (4.1)": ("edge.test", (), (FRESH, "Vary: a b"), {}),
    "Vary of more names than are kept apart": (
        "edge.test", (), (FRESH, "Vary: a, b, c, d, e, f, g, h, i, j, k"), {}),
    "must-understand of a status that nobody knows (5.2.2.3)": (
        "edge.test", (), "Cache-Control: must-understand, max-age=100", {"status": 299}),
    "nothing said, and nothing to guess from (3)": ("edge.test", (), (), {}),
    "a body that ends with its connection (RFC 9112 8)": ("edge.test", (), FRESH, {"framing": "close"}),
    "a body of HTTP/1.0 without length (RFC 9112 8)": ("edge.test", (), FRESH, {"framing": "close", "version": "1.0"}),
    "more than object_max, with a length": ("small.test", (), FRESH, {"body": bytes(1025)}),
    "anything where the cache is off": ("off.test", (), FRESH, {}),
    "a 400, which tells of one request": ("edge.test", (), FRESH, {"status": 400}),
    "a 408, which tells of one request": ("edge.test", (), FRESH, {"status": 408}),
    "a 412 (RFC 9110 15.5.13)": ("edge.test", (), FRESH, {"status": 412}),
    "a 413, which tells of one request": ("edge.test", (), FRESH, {"status": 413}),
    "a 416 (RFC 9110 15.5.17)": ("edge.test", (), FRESH, {"status": 416}),
    "a 421 (RFC 9110 15.5.20)": ("edge.test", (), FRESH, {"status": 421}),
    "a 428 (RFC 6585 3)": ("edge.test", (), FRESH, {"status": 428}),
    "a 429 (RFC 6585 4)": ("edge.test", (), FRESH, {"status": 429}),
    "a 431 (RFC 6585 5)": ("edge.test", (), FRESH, {"status": 431}),
    "a 511 (RFC 6585 6)": ("edge.test", (), FRESH, {"status": 511}),
}  # fmt: skip

ALWAYS = {
    "Authorization, public (RFC 9111 3.5)": ("edge.test", SECRET, "Cache-Control: public, max-age=100", {}),
    "Authorization, s-maxage (3.5)": ("edge.test", SECRET, "Cache-Control: s-maxage=100", {}),
    "Authorization, must-revalidate (3.5)": ("edge.test", SECRET, "Cache-Control: must-revalidate, max-age=100", {}),
    "a cookie that is cut off": ("strip.test", (), (FRESH, "Set-Cookie: a=b", "Set-Cookie: c=d"), {}),
    "a cookie that no-cache names (5.2.2.4)": (
        "edge.test", (), ('Cache-Control: max-age=100, no-cache="Set-Cookie"', "Set-Cookie: a=b"), {}),
    "a cookie that private names (5.2.2.7)": (
        "edge.test", (), ('Cache-Control: max-age=100, private="set-cookie"', "Set-Cookie: a=b"), {}),
    "must-understand beside no-store (5.2.2.3)": (
        "edge.test", (), "Cache-Control: must-understand, no-store, max-age=9", {}),
    "no-store in another directive's argument (5.2)": ("edge.test", (), 'Cache-Control: max-age=100, a="no-store"', {}),
    "a request with a cookie": ("edge.test", "Cookie: a=b", FRESH, {}),
    "a chunked body": ("edge.test", (), FRESH, {"framing": "chunked", "trailers": (("X-Sum", "1"),)}),
    "an empty body": ("edge.test", (), FRESH, {"body": b""}),
    "an empty chunked body": ("edge.test", (), FRESH, {"body": b"", "framing": "chunked"}),
    "as much as object_max": ("small.test", (), FRESH, {"body": bytes(1024)}),
    "a body of HTTP/1.0 with a length": ("edge.test", (), FRESH, {"version": "1.0", "keep": False}),
    **{f"a {status} that says so (3)": ("edge.test", (), (FRESH, "Location: /"), {"status": status})
       for status in (203, 204, 300, 301, 302, 303, 307, 308, 401, 403, 404, 405, 410, 414, 451, 500, 501, 503)},
}  # fmt: skip


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, RULES)


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        host, asked, lines, more = {**NEVER, **ALWAYS}[row]
        asked, lines = ([text] if isinstance(text, str) else list(text) for text in (asked, lines))
        path = site.path()
        site.says(path, 'ETag: "v"', *lines, **{"body": b"x", **more})
        return path, [site.get(path, *asked, host=host) for _ in range(2)]

    return side_by_side(run, [*NEVER, *ALWAYS])


@pytest.mark.parametrize("row", NEVER)
def test_never_remembered(site, results, row):
    path, responses = results[row]
    pulls = site.pulls(path)
    assert len(pulls) == 2 and "If-None-Match" not in pulls[1].fields
    for response in responses:
        assert word(response) in ("PASS", "MISS") and response.status == NEVER[row][3].get("status", 200)
        assert response.fields.get("ETag") == '"v"'
    assert responses[0].body == responses[1].body == NEVER[row][3].get("body", b"x")
    if NEVER[row][0] != "off.test":
        assert not site.is_kept(path, host=NEVER[row][0])


@pytest.mark.parametrize("row", ALWAYS)
def test_remembered(site, results, row):
    path, (first, second) = results[row]
    assert len(site.pulls(path)) == 1
    assert (word(first), word(second)) == ("MISS", "HIT")
    assert (first.status, first.reason, first.body) == (second.status, second.reason, second.body)
    assert second.fields.get("ETag") == '"v"' and "Set-Cookie" not in second.fields


def test_what_passes_keeps_its_cookies(site):
    path = site.path()
    site.says(path, FRESH, "Set-Cookie: a=b", "Set-Cookie: c=d")
    for _ in range(2):
        assert site.get(path).fields.all("Set-Cookie") == ["a=b", "c=d"]


@pytest.mark.parametrize("directive", ["no-cache", "private"])
def test_fields_that_are_named_are_not_remembered(site, directive):
    """RFC 9111 5.2.2.4, 5.2.2.7: with field names, only these are left out."""
    path = site.path()
    site.says(path, f'Cache-Control: max-age=100, {directive}="x-one, X-TWO"', "X-One: 1", "X-Two: 2", "X-Three: 3")
    site.get(path)
    response = site.get(path)
    assert word(response) == "HIT" and response.fields.get("X-Three") == "3"
    assert "X-One" not in response.fields and "X-Two" not in response.fields


LEFT_OUT = {
    "a cookie that is cut off": ("strip.test", FRESH, "Set-Cookie: a=b"),
    "a cookie that private names": ("edge.test", 'Cache-Control: max-age=100, private="Set-Cookie"', "Set-Cookie: a=b"),
    "a field that no-cache names": ("edge.test", 'Cache-Control: max-age=100, no-cache="x-one"', "X-One: 1"),
}


@pytest.mark.parametrize("row", LEFT_OUT)
def test_who_began_the_pull_gets_what_is_not_remembered(site, row):
    """RFC 9111 5.2.2.4, 5.2.2.7: a field for one client is that client's, and who waits with it is another."""
    host, control, line = LEFT_OUT[row]
    path = site.path()
    site.says(path, control, line, "Connection: X-Hop", "X-Hop: 1", delay=0.4)
    name, _, value = line.partition(": ")
    responses = at_once(site.server, 10, path, host=host)
    assert sorted(len(response.fields.all(name)) for response in responses) == [0] * 9 + [1]
    assert [response.fields.get(name) for response in responses if name in response.fields] == [value]
    assert not any("X-Hop" in response.fields for response in responses)
    assert name not in site.get(path, host=host).fields


def test_what_belongs_to_the_connection_is_not_remembered(site):
    """RFC 9111 3.1."""
    path = site.path()
    site.says(path, FRESH, "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
              "X-Headwater-Error: reset", "X-Headwater-Origin: x", "X-End: 1")  # fmt: skip
    for expected in ("MISS", "HIT"):
        response = site.get(path)
        assert word(response) == expected and response.fields.get("X-End") == "1"
        for name in ("X-Hop", "Keep-Alive", "Proxy-Connection", "X-Headwater-Error", "X-Headwater-Origin"):
            assert name not in response.fields


def test_a_chunked_body_of_more_than_object_max_is_not_remembered(site):
    path = site.path()
    site.says(path, FRESH, framing="chunked", body=bytes(5000), chunk=500)
    for _ in range(2):
        response = site.get(path, host="small.test")
        assert response.body == bytes(5000) and word(response) != "HIT"
    assert len(site.pulls(path)) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "X-OWN"])
def test_only_answers_to_get_are_remembered(site, method):
    """RFC 9111 3, RFC 9110 9.2.3: what POST answers could be stored, but need not be."""
    path = site.path()
    site.says(path, FRESH, body=b"x")
    assert word(site.ask(method, path)) == "PASS"
    assert word(site.get(path)) == "MISS"
    assert site.get(path).body == b"x"


def test_a_get_with_a_body_is_neither_answered_nor_remembered(site):
    path = site.path()
    site.says(path, FRESH, body=b"x")
    assert word(site.ask("GET", path, body=b"query")) == "PASS"
    assert word(site.get(path)) == "MISS"
    assert word(site.ask("GET", path, body=b"query")) == "PASS"
    assert [request.body for request in site.pulls(path)] == [b"query", b"", b"query"]


def test_a_part_is_never_taken_for_the_whole(site):
    """RFC 9111 3.3."""
    path = site.path()
    part = says(FRESH, 'ETag: "a"', "Content-Range: bytes 2-4/9", status=206, body=b"234")
    whole = says(FRESH, 'ETag: "a"', "Accept-Ranges: bytes", body=b"012345678")
    site.origin.on(path, lambda request: part if "Range" in request.fields else whole)
    response = site.get(path, "Range: bytes=2-4")
    assert (response.status, response.body, word(response)) == (206, b"234", "PASS")
    response = site.get(path)
    assert (response.status, response.body, word(response)) == (200, b"012345678", "MISS")
    response = site.get(path, "Range: bytes=2-4")
    assert (response.status, response.body, word(response)) == (206, b"234", "HIT")


# How a body may break off: each a Reply without its end.
BREAKS = {
    **{name: Reply(raw=raw.replace(b"\r\n", b"\r\nCache-Control: max-age=1000\r\n", 1))
       for name, raw in TRUNCATIONS.items()},
    "a length that is not reached, reset": says(
        FRESH, body=Generated("b", 50000), cut="mid_body", cut_after=30000, how="reset"),
    "chunks that are reset": says(
        FRESH, body=Generated("b", 50000), framing="chunked", cut="mid_body", cut_after=30000, how="reset"),
    "pieces that are stored already": says(
        FRESH, body=Generated("b", 3 << 20), cut="mid_body", cut_after=(3 << 20) - 1),
    "pieces that are stored already, chunked": says(
        FRESH, body=Generated("b", 3 << 20), framing="chunked", cut="mid_body", cut_after=5 << 19, how="reset"),
    "silence": says(FRESH, body=Generated("b", 50000), cut="mid_body", cut_after=30000, how="hang"),
}  # fmt: skip


@pytest.fixture(scope="module", name="broken")
def _broken(site, side_by_side):
    def run(row):
        path = site.path()
        site.origin.on(path, [BREAKS[row], says(FRESH, body=b"whole")])
        try:
            how = site.get(path, keep=False)
        except wire.WireError as error:
            how = error
        return path, how, site.is_kept(path), site.get(path), site.get(path)

    return side_by_side(run, BREAKS)


@pytest.mark.parametrize("row", BREAKS)
def test_what_breaks_off_is_seen_to_and_never_remembered(site, broken, row):
    """RFC 9111 3.3, RFC 9112 8: an incomplete response is not taken for a complete one."""
    path, how, is_kept, second, third = broken[row]
    if not isinstance(how, wire.WireError):  # a small one was held back
        assert row in TRUNCATIONS and how.status == 502 and how.error in ("truncated", "malformed"), how
    assert not is_kept
    assert (second.body, third.body, word(third)) == (b"whole", b"whole", "HIT")
    assert len(site.pulls(path)) == 2


def test_a_malformed_answer_is_never_remembered(make_once):
    site = Site(make_once)
    path = site.path()
    raw = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"
    site.origin.on(path, [Reply(raw=raw), says(FRESH, body=b"good")])
    assert site.get(path).error == "malformed"
    assert (word(site.get(path)), site.get(path).body) == ("MISS", b"good")


def test_an_error_of_our_own_is_never_remembered(make):
    site = Site(make)
    path = site.path()
    site.says(path, FRESH, body=b"good")
    site.origin.down()
    response = site.get(path)
    assert response.status == 502 and response.error == "connect_refused"
    site.origin.up()
    assert site.get(path).body == b"good"


def test_an_age_from_the_inside_is_counted_and_not_copied(site):
    """RFC 9111 5.1: one Age, which is what is remembered plus what passed."""
    path = site.path()
    site.origin.on(path, Reply(fields=fields_of([FRESH, "Age: 10", "Age: 20"]), body=b"x"))
    site.get(path)
    assert 10 <= age(site.get(path)) <= 25
