"""How long a response is fresh, how old it says it is, and what it tells of the cache (RFC 9111 section 4.2)."""
import time

import pytest
from caching import FRESH, Site, age, fields_of, says, status_of, word
from origin import Reply

RULES = {
    "edge.test": {},
    "sure.test": {"cache": {"heuristics": "off"}},
    "ttl.test": {"cache": {"ttl_default": "100s", "ttl_statuses": ["404:20s", "302:40s", "500:30s", "410:0s"]}},
    "zero.test": {"cache": {"ttl_default": "100s", "ttl_statuses": ["200:0s"]}},
    "off.test": {"cache": {"mode": "off"}},
}
YEARS = 2**31 - 1

# name -> (domain, what the origin says, its status, how many seconds that is fresh; 0: it is asked each time)
LIFETIMES = {
    "max-age (RFC 9111 5.2.2.1)": ("edge.test", "Cache-Control: max-age=100", 200, 100),
    "s-maxage wins over max-age (5.2.2.10)": ("edge.test", "Cache-Control: max-age=10, s-maxage=100", 200, 100),
    "s-maxage wins where it is shorter (5.2.2.10)": ("edge.test", "Cache-Control: s-maxage=10, max-age=100", 200, 10),
    "s-maxage of 0 (5.2.2.10)": ("edge.test", "Cache-Control: s-maxage=0, max-age=100", 200, 0),
    "max-age wins over Expires (5.3)": ("edge.test", ("Cache-Control: max-age=100", "Expires: {now-10}"), 200, 100),
    "Expires less Date (4.2.1)": ("edge.test", ("Date: {now}", "Expires: {now+100}"), 200, 100),
    "Expires without Date (4.2.1)": ("edge.test", "Expires: {now+100}", 200, 100),
    "Expires of 0 is in the past (5.3)": ("edge.test", "Expires: 0", 200, 0),
    "Expires that is no date is in the past (5.3)": ("edge.test", "Expires: tomorrow", 200, 0),
    "Expires in the past (5.3)": ("edge.test", ("Expires: {now-1}", "Last-Modified: {now-100000}"), 200, 0),
    "two lifetimes, the first of which is the shorter (4.2.1)": (
        "edge.test", "Cache-Control: max-age=10, max-age=100", 200, 10),
    "an argument in quotes (5.2)": ("edge.test", 'Cache-Control: max-age="100"', 200, 100),
    "an argument that is no number (4.2.1)": ("edge.test", ("Cache-Control: max-age=a", "Expires: {now+100}"), 200, 0),
    "a negative argument (4.2.1)": ("edge.test", "Cache-Control: max-age=-1", 200, 0),
    "no argument (4.2.1)": ("edge.test", "Cache-Control: max-age", 200, 0),
    "upper case (5.2)": ("edge.test", "Cache-Control: MAX-AGE=100", 200, 100),
    "several lines (5.2)": ("edge.test", ("Cache-Control: public", "Cache-Control: max-age=100"), 200, 100),
    "empty members (RFC 9110 5.6.1.2)": ("edge.test", "Cache-Control: , ,max-age=100,,", 200, 100),
    "unknown directives (5.2.3)": ("edge.test", 'Cache-Control: a, b=1, c="d, max-age=1", max-age=100', 200, 100),
    "Pragma: no-cache without Cache-Control (5.4)": ("edge.test", ("Pragma: no-cache", "Expires: {now+100}"), 200, 0),
    "no-cache beside max-age (5.2.2.4)": ("edge.test", "Cache-Control: max-age=100, no-cache", 200, 0),
    "a redirect (RFC 9110 15.4)": ("edge.test", ("Cache-Control: max-age=100", "Location: /"), 302, 100),
    "an error that says so (RFC 9111 3)": ("edge.test", "Cache-Control: max-age=100", 404, 100),
    "an error of the server that says so (3)": ("edge.test", "Cache-Control: max-age=100", 503, 100),
    "a status that nobody knows and says so (3)": ("edge.test", "Cache-Control: max-age=100", 299, 100),

    "a tenth of its age when it came (4.2.2)": ("edge.test", ("Date: {now}", "Last-Modified: {now-1000}"), 200, 100),
    "a tenth, without Date (4.2.2)": ("edge.test", "Last-Modified: {now-1000}", 200, 100),
    "a day at most is guessed (4.2.2)": ("edge.test", "Last-Modified: {now-100000000}", 200, 86400),
    "a guess of a 404 (RFC 9110 15.5.5)": ("edge.test", "Last-Modified: {now-1000}", 404, 100),
    "no guess of a 302 (RFC 9110 15.4.3)": ("edge.test", ("Last-Modified: {now-1000}", "Location: /"), 302, 0),
    "no guess of a 302 that must be private (4.2.2)": (
        "edge.test", ("Last-Modified: {now-1000}", "Location: /", "Cache-Control: private"), 302, 0),
    "a guess of a 302 that is public (4.2.2)": (
        "edge.test", ("Last-Modified: {now-1000}", "Location: /", "Cache-Control: public"), 302, 100),
    "no guess of a 500 (RFC 9110 15.6.1)": ("edge.test", "Last-Modified: {now-1000}", 500, 0),
    "no guess without a date (4.2.2)": ("edge.test", 'ETag: "a"', 200, 0),
    "no guess of what was modified later (4.2.2)": ("edge.test", "Last-Modified: {now+1000}", 200, 0),
    "guesses switched off (4.2.2)": ("sure.test", "Last-Modified: {now-1000}", 200, 0),
    "what is said, guesses switched off": ("sure.test", "Cache-Control: max-age=100", 200, 100),

    "the operator's default": ("ttl.test", (), 200, 100),
    "the operator's default of a 404 has a row of its own": ("ttl.test", (), 404, 20),
    "the operator's row of a 302": ("ttl.test", "Location: /", 302, 40),
    "the operator's row of a 500": ("ttl.test", (), 500, 30),
    "the operator's row of 0s": ("ttl.test", (), 410, 0),
    "the operator's row of 0s wins over the default": ("zero.test", (), 200, 0),
    "the operator's default is not for a 503": ("ttl.test", (), 503, 0),
    "the operator's default wins over a guess": ("ttl.test", "Last-Modified: {now-10000}", 200, 100),
    "what is said wins over the operator's default (4.2.1)": ("ttl.test", "Cache-Control: max-age=40", 200, 40),
    "Expires wins over the operator's default (4.2.1)": ("ttl.test", "Expires: 0", 200, 0),
    "the operator's default does not open what is private": ("ttl.test", "Cache-Control: private", 200, 0),
    "the operator's default does not open no-store": ("ttl.test", "Cache-Control: no-store", 200, 0),
    "nothing is kept where the cache is off": ("off.test", "Cache-Control: max-age=100", 200, 0),

    "CDN-Cache-Control wins (RFC 9213 2.2)": (
        "edge.test", ("Cache-Control: no-store", "CDN-Cache-Control: max-age=100"), 200, 100),
    "CDN-Cache-Control wins where it is stricter (RFC 9213 2.2)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: no-store"), 200, 0),
    "CDN-Cache-Control wins where it is shorter (RFC 9213 2.2)": (
        "edge.test", ("Cache-Control: s-maxage=100", "CDN-Cache-Control: max-age=20"), 200, 20),
    "CDN-Cache-Control wins over Expires (RFC 9213 2.2)": (
        "edge.test", ("Expires: {now+1000}", "CDN-Cache-Control: max-age=100"), 200, 100),
    "CDN-Cache-Control without a lifetime (RFC 9213 2.2)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: must-revalidate"), 200, 0),
    "CDN-Cache-Control with parameters (RFC 9213 2.1)": ("edge.test", "CDN-Cache-Control: max-age=100;a=b", 200, 100),
    "CDN-Cache-Control of two lines (RFC 8941 4.2)": (
        "edge.test", ("CDN-Cache-Control: public", "CDN-Cache-Control: max-age=100"), 200, 100),
    "CDN-Cache-Control, the last of two (RFC 8941 3.2)": (
        "edge.test", "CDN-Cache-Control: max-age=20, max-age=100", 200, 100),
    "CDN-Cache-Control that is empty (RFC 9213 2.1)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control:"), 200, 100),
    "CDN-Cache-Control that is malformed (RFC 9213 2.1)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: max-age=20, =5"), 200, 100),
    "CDN-Cache-Control with a comma too many (RFC 8941 4.2.2)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: max-age=20,"), 200, 100),
    "CDN-Cache-Control in upper case (RFC 8941 3.2)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: Max-Age=20"), 200, 100),
    "CDN-Cache-Control whose malformed half is its second line (RFC 9213 2.1)": (
        "edge.test", ("Cache-Control: max-age=100", "CDN-Cache-Control: no-store", "CDN-Cache-Control: é"), 200, 100),
}  # fmt: skip


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, RULES)


def ask_twice(site, row, old):
    """The second response to a request whose first answer came with an Age; and how many pulls there were."""
    host, lines, status, _ = LIFETIMES[row]
    path = site.path()
    more = [f"Age: {old}"] if old else []
    site.says(path, *([lines] if isinstance(lines, str) else lines), *more, status=status, body=b"x")
    site.get(path, host=host)
    return site.get(path, host=host), len(site.pulls(path))


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        lifetime = LIFETIMES[row][3]
        return ask_twice(site, row, lifetime // 2), ask_twice(site, row, lifetime + 20) if lifetime else None

    return side_by_side(run, LIFETIMES)


@pytest.mark.parametrize("row", LIFETIMES)
def test_a_response_is_fresh_for_as_long_as_its_row_says(results, row):
    (young, pulls), late = results[row]
    _, _, status, lifetime = LIFETIMES[row]
    assert young.status == status
    if lifetime == 0:
        assert pulls == 2 and word(young) != "HIT"
        return
    assert (word(young), pulls) == ("HIT", 1)
    assert lifetime // 2 <= age(young) <= lifetime // 2 + 15
    old, pulls = late
    assert pulls == 2 and word(old) != "HIT"


def test_a_lifetime_beyond_31_bits_is_the_most_there_is(site):
    """RFC 9111 1.2.2."""
    path = site.path()
    site.says(path, "Cache-Control: max-age=99999999999999999999", "Age: 1000000000")
    site.get(path)
    assert word(site.get(path)) == "HIT"


AGES = {
    "Date tells it as well (RFC 9111 4.2.3)": ("Date: {now-80}", 80),
    "the larger of both counts, Age": (("Date: {now-20}", "Age: 80"), 80),
    "the larger of both counts, Date": (("Date: {now-80}", "Age: 20"), 80),
    "a Date in the future says nothing (4.2.3)": (("Date: {now+5000}", "Age: 30"), 30),
    "an Age that is no number says nothing (5.1)": ("Age: -5", 0),
    "the first of a list counts (5.1)": ("Age: 40, 90", 40),
    "a Date that is no date says nothing": (("Date: yesterday", "Age: 40"), 40),
}


@pytest.mark.parametrize("name", AGES)
def test_age_is_what_the_origin_tells_and_the_time_since(site, name):
    lines, expected = AGES[name]
    path = site.path()
    site.says(path, "Cache-Control: max-age=100", *([lines] if isinstance(lines, str) else lines))
    site.get(path)
    response = site.get(path)
    assert word(response) == "HIT" and expected <= age(response) <= expected + 5


def test_age_grows_while_it_is_remembered(site):
    """RFC 9111 5.1."""
    path = site.path()
    site.says(path, "Cache-Control: max-age=100", "Age: 50")
    site.get(path)
    begun = time.monotonic()
    time.sleep(2.1)
    response = site.get(path)
    assert 52 <= age(response) <= 51 + time.monotonic() - begun


def test_what_the_answer_took_counts_as_age(site):
    """RFC 9111 4.2.3: response_delay."""
    path = site.path()
    site.says(path, "Cache-Control: max-age=100", "Age: 99", delay=0.95)
    site.get(path)
    time.sleep(0.1)
    assert word(site.get(path)) == "MISS" and len(site.pulls(path)) == 2


def test_it_turns_stale_in_its_time(site):
    """RFC 9111 4.2."""
    path = site.path()
    site.says(path, "Cache-Control: max-age=2")
    begun = time.monotonic()
    site.get(path)
    first = site.get(path)
    assert word(first) == "HIT" or time.monotonic() - begun > 1.9
    time.sleep(2.1)
    assert word(site.get(path)) == "MISS"


def test_only_what_is_remembered_has_an_age(site):
    """RFC 9111 5.1: an Age says that nobody asked the origin for this."""
    path = site.path()
    site.says(path, FRESH)
    assert "Age" not in site.get(path).fields
    assert age(site.get(path)) <= 5


def test_what_is_shared_and_not_remembered_keeps_its_age(site):
    """RFC 9111 4.2.3: without it, who is behind us would take for fresh what is not."""
    path = site.path()
    site.says(path, "Cache-Control: max-age=10, must-revalidate", "Age: 20", status=404)
    response = site.get(path)
    assert (response.status, word(response), age(response)) == (404, "MISS", 20)
    assert not site.is_kept(path)


def test_a_remembered_response_is_the_origins(site):
    path = site.path()
    site.says(path, FRESH, "Date: {now-3}", "Content-Type: text/odd", "X-Empty:", "X-Two: a", "X-Two: b", "x-LOW: c",
              status=203, reason="As They Say", body=b"\x00\xffbody")  # fmt: skip
    first, second = site.get(path), site.get(path)
    assert (word(first), word(second)) == ("MISS", "HIT")
    for response in (first, second):
        assert (response.status, response.reason, response.body) == (203, "As They Say", b"\x00\xffbody")
        assert response.fields.all("X-Two") == ["a", "b"] and response.fields.get("X-Empty") == ""
        assert response.fields.get("Content-Type") == "text/odd" and ("x-LOW", "c") in list(response.fields)
        assert response.fields.get("Cache-Control") == "max-age=1000"
        assert response.fields.get("Content-Length") == "6"
    assert first.fields.get("Date") == second.fields.get("Date") == site_date(site, path)


def site_date(site, path):
    return dict(site.origin._replies[path].fields)["Date"]


def test_a_response_without_date_gets_that_of_its_arrival(site):
    """RFC 9110 6.6.1."""
    path = site.path()
    site.says(path, FRESH)
    first = site.get(path)
    time.sleep(1.1)
    assert site.get(path).fields.get("Date") == first.fields.get("Date")


def test_every_cache_on_the_way_is_told_of(site):
    """RFC 9211 2, RFC 9110 7.6.3: ours comes last."""
    path = site.path()
    site.says(path, FRESH, "Cache-Status: inner; hit", "Via: 1.1 inner", "X-Cache: HIT from inner")
    for expected in ("MISS", "HIT"):
        response = site.get(path)
        assert response.fields.all("Cache-Status")[0] == "inner; hit"
        assert len(response.fields.all("Cache-Status")) == 2
        assert response.fields.tokens("Via") == ["1.1 inner", "1.1 headwater"]
        assert word(response) == expected


# name -> (method, the request's lines, what was remembered before, the word, our member of Cache-Status)
STATUSES = {
    "a miss": ("GET", (), None, "MISS", {"fwd": "uri-miss", "stored": True}),
    "a hit": ("GET", (), [FRESH], "HIT", {"hit": True, "ttl": "999"}),
    "an answer that is private": ("GET", (), None, "PASS", {"fwd": "uri-miss"}),
    "a method that is never looked up": ("POST", (), [FRESH], "PASS", {"fwd": "method"}),
    "a request that forbids it": ("GET", ["Cache-Control: no-store"], [FRESH], "PASS", {"fwd": "request"}),
    "a stale one that was validated": (
        "GET", (), ["Cache-Control: max-age=100", "Age: 200", 'ETag: "a"'], "REVALIDATED",
        {"fwd": "stale", "fwd-status": "304", "stored": True, "ttl": "99"}),
    "a fresh one that the client wants to be validated": (
        "GET", ["Cache-Control: no-cache"], [FRESH, 'ETag: "a"'], "REVALIDATED",
        {"fwd": "request", "fwd-status": "304", "stored": True, "ttl": "99"}),
    "a stale one in place of a failure": (
        "GET", (), ["Cache-Control: max-age=100", "Age: 200", 'ETag: "a"'], "STALE", {"fwd": "stale", "ttl": "-101"}),
    "a stale one that is sent as it is": (
        "GET", (), ["Cache-Control: max-age=100, stale-while-revalidate=1000", "Age: 200", 'ETag: "a"'], "STALE",
        {"hit": True, "ttl": "-101"}),
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_cache_status_x_cache_and_the_log_say_the_same(site, name):
    """RFC 9211 2.1-2.5."""
    method, lines, before, expected, status = STATUSES[name]
    path = site.path()
    if before:
        site.says(path, *before)
        site.get(path)
    if name == "an answer that is private":
        site.says(path, "Cache-Control: private, max-age=100")
    elif name == "a stale one in place of a failure":
        site.says(path, status=503)
    elif expected == "REVALIDATED":
        site.origin.on(path, Reply(status=304, fields=fields_of(["Cache-Control: max-age=100", 'ETag: "a"'])))
    else:
        site.says(path, FRESH)
    response = site.ask(method, path, *lines)
    told = status_of(response)
    if "ttl" in told and "ttl" in status:
        assert abs(int(told["ttl"]) - int(status["ttl"])) <= 5
        told["ttl"] = status["ttl"]
    assert (word(response), told) == (expected, status)
    lines = site.server.wait_log(2 if before else 1, path)
    # A pull of its own behind a stale one has a line of its own.
    assert [line["cache"] for line in lines if line["cache"] != "BACKGROUND"][-1] == expected


def test_statuses_without_a_body_are_remembered(site):
    path = site.path()
    site.says(path, FRESH, status=204)
    assert [word(site.get(path)) for _ in range(2)] == ["MISS", "HIT"]
    response = site.get(path)
    assert response.status == 204 and "Content-Length" not in response.fields


def test_a_hit_leaves_the_connection_open_for_the_next(site):
    path = site.path()
    site.says(path, FRESH, body=b"again")
    with site.server.connect() as connection:
        for number in range(20):
            connection.request(target=path)
            response = connection.response()
            assert response.body == b"again" and word(response) == ("HIT" if number else "MISS")


def test_hits_in_a_pipe_come_in_their_order(site):
    paths = [site.path() for _ in range(10)]
    for path in paths:
        site.says(path, FRESH, body=path.encode())
    for path in paths[::2]:
        site.get(path)
    with site.server.connect() as connection:
        connection.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode() for path in paths))
        assert [connection.response().body for _ in paths] == [path.encode() for path in paths]


def test_an_http_1_0_client_gets_a_hit_it_understands(site):
    path = site.path()
    site.origin.on(path, says(FRESH, body=b"old", framing="chunked"))
    site.get(path)
    response = site.get(path, version="1.0")
    assert (word(response), response.body, response.framing) == ("HIT", b"old", "length")
