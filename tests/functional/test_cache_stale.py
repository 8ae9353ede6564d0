"""Stale responses: while they are validated, and while the origins fail (RFC 5861, origin-pull.md section 4)."""
import time

import pytest
from caching import FRESH, STALE, Apart, Site, age, at_once, says, wait_until, word
from domains import SLACK, domain, origin_of
from origin import GARBAGE, Generated, Origin, Reply

def aged(control):
    """Stale since 100 s when it comes, with these directives."""
    return f"Cache-Control: max-age=100, {control}", "Age: 200"


QUICK = 0.5  # seconds that an answer takes which waits for nobody

WINDOWS = {
    # name -> (the domain, what is remembered, whether it is sent at once while it is validated)
    "within the response's own window (RFC 5861 3)": ({}, aged("stale-while-revalidate=200"), True),
    "past the response's own window (RFC 5861 3)": ({}, aged("stale-while-revalidate=50"), False),
    "no window": ({}, STALE, False),
    "within the domain's window": ({"stale": {"while_revalidate": "200s"}}, STALE, True),
    "past the domain's window": ({"stale": {"while_revalidate": "50s"}}, STALE, False),
    "the response's own 0 wins": (
        {"stale": {"while_revalidate": "200s"}}, aged("stale-while-revalidate=0"), False),
    "must-revalidate forbids it (RFC 9111 5.2.2.2)": (
        {"stale": {"while_revalidate": "200s"}},
        aged("must-revalidate, stale-while-revalidate=200"), False),
    "proxy-revalidate forbids it (RFC 9111 5.2.2.8)": (
        {}, aged("proxy-revalidate, stale-while-revalidate=200"), False),
    "s-maxage forbids the domain's (RFC 9111 5.2.2.10)": (
        {"stale": {"while_revalidate": "200s"}}, ("Cache-Control: s-maxage=100", "Age: 200"), False),
    "no-cache forbids it (RFC 9111 5.2.2.4)": (
        {}, ("Cache-Control: no-cache, max-age=100, stale-while-revalidate=200", "Age: 200"), False),
}  # fmt: skip


@pytest.fixture(scope="module", name="windows")
def _windows(make_once, side_by_side):
    apart = Apart(make_once, {row: fields for row, (fields, _, _) in WINDOWS.items()})

    def run(row):
        origin = apart.masters[row]
        origin.default = says(*WINDOWS[row][1], 'ETag: "a"', body=b"old")
        apart.get(row)
        origin.default = says(FRESH, 'ETag: "b"', body=b"new", delay=0.7)
        first = apart.get(row)
        if WINDOWS[row][2]:
            wait_until(lambda: apart.get(row).body == b"new", "the validation behind it")
        return first, apart.get(row), origin.requests

    return side_by_side(run, WINDOWS)


@pytest.mark.parametrize("row", WINDOWS)
def test_a_stale_response_is_sent_while_it_is_validated(windows, row):
    first, after, requests = windows[row]
    if WINDOWS[row][2]:
        assert (first.body, word(first)) == (b"old", "STALE") and first.seconds < QUICK
        assert age(first) >= 200
    else:
        assert first.body == b"new" and first.seconds >= 0.65
    assert (after.body, word(after)) == (b"new", "HIT")
    assert len(requests) == 2 and requests[1].fields.get("If-None-Match") == '"a"'


def test_a_crowd_of_stale_hits_validates_once(make):
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "1h"}}}, workers=2)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", FRESH, 'ETag: "a"', status=304, delay=0.5)
    responses = at_once(site.server, 20, "/a")
    assert {(word(response), response.body) for response in responses} == {("STALE", b"old")}
    wait_until(lambda: word(site.get("/a")) == "HIT", "the validation")
    assert len(site.pulls("/a")) == 2


def test_a_validation_behind_that_fails_is_tried_again(make):
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "1h"}}})
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", status=503, body=b"down")
    for number in range(3):
        assert word(site.get("/a")) == "STALE"
        wait_until(lambda: len(site.pulls("/a")) >= number + 2, "another validation")
        time.sleep(0.05)
    site.says("/a", FRESH, body=b"new")
    wait_until(lambda: site.get("/a").body == b"new", "the new one")


def becomes(*lines, **fields):
    def apply(origin):
        origin.default = says(*lines, **fields)

    return apply


def unreachable(origin):
    origin.down()
    origin.drop_syn()


# name -> (the domain, what is remembered, what then happens to the origin, what the client gets: STALE or a status)
ERRORS = {
    **{f"{status}": ({}, STALE, becomes(status=status, body=b"own"), "STALE") for status in (500, 502, 503, 504)},
    **{f"{status} is an answer": ({}, STALE, becomes(status=status, body=b"own"), status)
       for status in (400, 401, 403, 404, 410, 429, 501, 505)},
    "a 503 that may be remembered": ({}, STALE, becomes(FRESH, status=503), "STALE"),
    "a 503 that may not be remembered": (
        {}, STALE, becomes("Cache-Control: no-store", status=503), "STALE"),
    "a 503 that is private": (
        {}, STALE, becomes("Cache-Control: private", status=503), "STALE"),
    "a 503 that ends with its connection": ({}, STALE, becomes(status=503, framing="close"), "STALE"),
    "refused": ({}, STALE, Origin.down, "STALE"),
    "reset": ({}, STALE, becomes(cut="request", how="reset"), "STALE"),
    "closed": ({}, STALE, becomes(cut="before", how="close"), "STALE"),
    "closed in the head": ({}, STALE, becomes(cut="mid_head", how="close"), "STALE"),
    "malformed": ({}, STALE, becomes(raw=GARBAGE["an SSH banner"]), "STALE"),
    "silent": ({}, STALE, becomes(cut="before", how="hang"), "STALE"),
    "no connection": ({}, STALE, unreachable, "STALE"),
    "a status that the operator listed": ({"stale": {"statuses": "404,429"}}, STALE, becomes(status=404), "STALE"),
    "a status that the operator did not list": (
        {"stale": {"statuses": "404,429"}}, STALE, becomes(status=503, body=b"own"), 503),
    "no status listed, but no response either": ({"stale": {"statuses": "none"}}, STALE, Origin.down, "STALE"),
    "within the response's own window (RFC 5861 4)": (
        {"stale": {"if_error": "0s"}}, aged("stale-if-error=200"), becomes(status=503), "STALE"),
    "past the response's own window (RFC 5861 4)": (
        {}, aged("stale-if-error=50"), becomes(status=503, body=b"own"), 503),
    "the response's own 0 (RFC 5861 4)": (
        {}, aged("stale-if-error=0"), becomes(status=503, body=b"own"), 503),
    "within the domain's window": ({"stale": {"if_error": "200s"}}, STALE, becomes(status=503), "STALE"),
    "past the domain's window": ({"stale": {"if_error": "50s"}}, STALE, becomes(status=503, body=b"own"), 503),
    "the domain's window of 0": ({"stale": {"if_error": "0s"}}, STALE, Origin.down, 502),
    "must-revalidate forbids it (RFC 9111 5.2.2.2)": (
        {}, aged("must-revalidate, stale-if-error=200"), becomes(status=503, body=b"own"), 503),
    "must-revalidate and no origin (RFC 9111 5.2.2.2)": (
        {}, aged("must-revalidate"), Origin.down, 502),
    "must-revalidate and silence (RFC 9111 5.2.2.2)": (
        {}, aged("must-revalidate"), becomes(cut="before", how="hang"), 504),
    "proxy-revalidate forbids it (RFC 9111 5.2.2.8)": (
        {}, aged("proxy-revalidate"), becomes(status=503, body=b"own"), 503),
    "s-maxage forbids the domain's (RFC 9111 5.2.2.10)": (
        {}, ("Cache-Control: s-maxage=100", "Age: 200"), becomes(status=503, body=b"own"), 503),
    "s-maxage and a window of the response's own": (
        {}, ("Cache-Control: s-maxage=100, stale-if-error=200", "Age: 200"), becomes(status=503), "STALE"),
    "a lifetime of 0 forbids the domain's": ({}, "Cache-Control: max-age=0", becomes(status=503, body=b"own"), 503),
    "a lifetime of 0 and a window of the response's own": (
        {}, "Cache-Control: max-age=0, stale-if-error=200", becomes(status=503), "STALE"),
    "no-cache forbids it (RFC 9111 5.2.2.4)": (
        {}, aged("no-cache, stale-if-error=1000"), becomes(status=503, body=b"own"), 503),
}  # fmt: skip


@pytest.fixture(scope="module", name="errors")
def _errors(make_once, side_by_side):
    apart = Apart(make_once, {row: fields for row, (fields, _, _, _) in ERRORS.items()})

    def run(row):
        origin = apart.masters[row]
        lines = ERRORS[row][1]
        origin.default = says(*([lines] if isinstance(lines, str) else lines), 'ETag: "a"', body=b"old")
        first = apart.get(row)
        ERRORS[row][2](origin)
        return first, apart.get(row)

    return side_by_side(run, ERRORS)


@pytest.mark.parametrize("row", ERRORS)
def test_a_stale_response_stands_in_for_a_failure_where_it_may(errors, row):
    first, response = errors[row]
    assert first.body == b"old"
    if ERRORS[row][3] == "STALE":
        assert (response.status, response.body, word(response)) == (200, b"old", "STALE")
        assert "Age" in response.fields and response.error is None
        assert response.seconds < 1 + SLACK
    else:
        assert response.status == ERRORS[row][3] and word(response) != "STALE"
        assert response.body == b"own" or response.error


# (what the master does, what the backup does) -> the body, and whether it is remembered as the new one
PAIRS = {
    "the backup's success is the answer": (
        becomes(status=503), becomes(FRESH, body=b"backup"), b"backup", "HIT"),
    "both fail": (becomes(status=503), becomes(status=500), b"old", "STALE"),
    "both are gone": (Origin.down, Origin.down, b"old", "STALE"),
    "the master is gone, the backup fails": (Origin.down, becomes(status=503, body=b"own"), b"old", "STALE"),
    "a 4xx on which both agree is the answer": (
        becomes(status=404, body=b"own"), becomes(status=404, body=b"theirs"), b"own", None),
    "a 404 of the master, and no backup": (becomes(status=404, body=b"own"), Origin.down, b"own", None),
    "the master is gone, the backup says 404": (Origin.down, becomes(status=404, body=b"theirs"), b"theirs", "old"),
}  # fmt: skip


@pytest.fixture(scope="module", name="pairs")
def _pairs(make_once, side_by_side):
    apart = Apart(make_once, {row: {} for row in PAIRS}, backup=True)

    def run(row):
        master, backup = apart.masters[row], apart.backups[row]
        master.default = says(*STALE, 'ETag: "a"', body=b"old")
        apart.get(row)
        PAIRS[row][0](master)
        PAIRS[row][1](backup)
        response = apart.get(row)
        after = apart.get(row)
        for origin in (master, backup):
            origin.up()
            origin.default = Reply(status=503, body=b"later")
        return response, after, apart.get(row)

    return side_by_side(run, PAIRS)


@pytest.mark.parametrize("row", PAIRS)
def test_a_stale_response_stands_in_once_both_origins_were_asked(pairs, row):
    """origin-pull.md section 4, "Stale": a 4xx on which both agree is the answer, and replaces the object."""
    response, after, later = pairs[row]
    _, _, body, expected = PAIRS[row]
    assert response.body == body
    if expected is None:
        assert word(response) != "STALE" and after.body == body
        assert later.body == b"later"
    elif expected == "old":  # they did not agree: what is stored stays, and stands in when both fail
        assert word(response) != "STALE" and after.body == body
        assert (later.body, word(later)) == (b"old", "STALE")
    else:
        assert word(after) == expected and later.body == body


# What the request that asked says of itself, and what it got for that.
PROVOKED = {
    "an odd request": ("X-Odd: 1", {"status": 400}),
    "too much of a request": ("X-Odd: 1", {"status": 431}),
    "too many requests": ("X-Odd: 1", {"status": 429}),
    "a request of nobody's": ("Authorization: Basic eDp5", {"status": 401}),
    "somebody's own": ("Authorization: Basic eDp5", {"status": 200}),
}


@pytest.mark.parametrize("row", PROVOKED)
def test_what_a_request_brought_about_makes_nobody_forget(make, row):
    site = Site(make)
    line, reply = PROVOKED[row]
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", body=b"own", **reply)
    assert site.get("/a", line).body == b"own"
    site.says("/a", status=503, body=b"down")
    response = site.get("/a")
    assert (response.body, word(response)) == (b"old", "STALE")


WAITS = {"0 ms": (0, 0), "300 ms": (300, 0.3), "the default": (None, 1.0), "1500 ms": (1500, 1.5)}


@pytest.fixture(scope="module", name="waits")
def _waits(make_once, side_by_side):
    def fields(wait_ms):
        return {"origin": {"head_timeout": "4s"}, **({} if wait_ms is None else {"stale": {"wait_ms": wait_ms}})}

    apart = Apart(make_once, {row: fields(wait_ms) for row, (wait_ms, _) in WAITS.items()})

    def run(row):
        origin = apart.masters[row]
        origin.default = says(*STALE, 'ETag: "a"', body=b"old")
        apart.get(row)
        origin.default = says(FRESH, 'ETag: "b"', body=b"new", delay=2.5)
        response = apart.get(row)
        wait_until(lambda: apart.get(row, "/x", "Cache-Control: only-if-cached").body == b"new", "the late answer")
        return response, origin.requests

    return side_by_side(run, WAITS)


@pytest.mark.parametrize("row", WAITS)
def test_a_client_with_a_stale_copy_waits_so_long_and_no_longer(waits, row):
    """stale.wait_ms; the answer that was too late for this client is remembered."""
    response, requests = waits[row]
    _, seconds = WAITS[row]
    assert (response.body, word(response)) == (b"old", "STALE")
    assert seconds - 0.01 <= response.seconds < seconds + SLACK
    assert len(requests) == 2


def test_an_answer_in_time_is_waited_for(make):
    site = Site(make)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", FRESH, body=b"new", delay=0.4)
    assert (site.get("/a").body, word(site.get("/a"))) == (b"new", "HIT")


def test_a_stale_copy_stands_in_also_where_others_got_what_was_theirs(make):
    """origin-pull.md section 4: that somebody with credentials got what is not for sharing takes nobody's stale copy away."""
    site = Site(make)
    site.says("/a", *STALE, body=b"own")
    assert word(site.get("/a", "Authorization: Basic eDp5")) == "PASS"
    site.says("/a", *STALE, body=b"for all")
    assert word(site.get("/a")) == "MISS"
    site.origin.down()
    for lines in ((), ("Authorization: Basic eDp5",)):
        response = site.get("/a", *lines)
        assert (response.body, word(response)) == (b"for all", "STALE")


@pytest.mark.parametrize("has_backup", [False, True])
def test_nobody_waits_for_origins_that_are_known_to_be_blocked(make, has_backup):
    origins = [make.origin("master"), *([make.origin("backup")] if has_backup else [])]
    server = make.headwater([domain(*[origin_of(origin, connect_timeout="4s") for origin in origins],
                                    stale={"wait_ms": 3000})], {"block_time": "60s"})  # fmt: skip
    origins[0].default = says(*STALE, 'ETag: "a"', body=b"old")
    server.get("/a")
    for origin in origins:
        origin.down()
    for number in range(4):
        server.get(f"/other{number}")
    for origin in origins:
        origin.drop_syn()
    for _ in range(3):
        response = server.get("/a")
        assert (response.body, word(response)) == (b"old", "STALE") and response.seconds < 1.0


def test_the_client_may_narrow_the_window_and_not_widen_it(make):
    """RFC 5861 4: stale-if-error in a request."""
    site = Site(make)
    for path, lines in [("/a", STALE), ("/b", aged("stale-if-error=50"))]:
        site.says(path, *lines, 'ETag: "a"', body=b"old")
        site.get(path)
        site.says(path, status=503, body=b"own")
    assert site.get("/a", "Cache-Control: stale-if-error=200").body == b"old"
    assert site.get("/a", "Cache-Control: stale-if-error=50").body == b"own"
    assert site.get("/b", "Cache-Control: stale-if-error=1000").body == b"own"


@pytest.mark.parametrize("size", [0, 70_000, 3 << 20])
def test_stale_bodies_of_any_size_and_their_parts(make, size):
    site = Site(make)
    site.says("/a", *STALE, 'ETag: "a"', body=Generated("s", size))
    first = site.get("/a")
    site.origin.down()
    response = site.get("/a")
    assert word(response) == "STALE" and response.digest == first.digest
    head = site.ask("HEAD", "/a")
    assert (word(head), head.fields.get("Content-Length")) == ("STALE", str(size))
    if size:
        part = site.get("/a", "Range: bytes=5-9")
        assert (part.status, part.body, word(part)) == (206, first.body[5:10], "STALE")
    assert site.get("/a", 'If-None-Match: "a"').status == 304


def test_it_comes_back_as_soon_as_the_origin_does(make):
    site = Site(make)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", status=503)
    assert word(site.get("/a")) == "STALE"
    site.says("/a", FRESH, body=b"new")
    assert site.get("/a").body == b"new"


def test_a_stale_response_is_used_when_the_body_of_the_new_one_breaks_at_once(make):
    """The head was good, so it is the new one that the client sees break; the old one is not lost by that."""
    site = Site(make)
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", FRESH, 'ETag: "b"', body=Generated("n", 200_000), cut="mid_body", cut_after=100_000)
    with pytest.raises(Exception, match="ends after"):
        site.get("/a")
    site.says("/a", status=503, body=b"own")
    assert site.get("/a").body in (b"old", b"own")
    site.says("/a", FRESH, 'ETag: "c"', body=b"third")
    assert site.get("/a").body == b"third"


def test_the_log_says_stale_and_why(make):
    site = Site(make)
    site.says("/a", *STALE, body=b"old")
    site.get("/a")
    site.says("/a", status=503)
    site.get("/a")
    line = site.server.wait_log(2, "/a")[1]
    assert (line["cache"], line["status"], line["end"]) == ("STALE", 200, "complete")
    assert [(attempt["status"], attempt["reason"]) for attempt in line["attempts"]] == [(503, "none")]


def background(server):
    return [line for line in server.log() if line["cache"] == "BACKGROUND"]


def test_the_log_has_the_validation_behind_a_stale_response(make):
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "200s"}}})
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.says("/a", FRESH, 'ETag: "a"', status=304)
    assert word(site.get("/a")) == "STALE"
    wait_until(lambda: background(site.server), "its line")
    (line,) = background(site.server)
    assert (line["client"], line["domain"], line["path"], line["status"]) == ("127.0.0.1", "edge.test", "/a", 304)
    assert (line["bytes_out"], line["fault"], line["end"]) == (0, "none", "complete")
    (attempt,) = line["attempts"]
    assert (attempt["role"], attempt["status"], attempt["reason"]) == ("master", 304, "none")


def test_the_log_has_the_validation_behind_a_stale_response_that_failed(make):
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "200s"}}})
    site.says("/a", *STALE, 'ETag: "a"', body=b"old")
    site.get("/a")
    site.origin.down()
    assert word(site.get("/a")) == "STALE"
    wait_until(lambda: background(site.server), "its line")
    line = background(site.server)[0]
    assert (line["status"], line["fault"]) == (0, "connect_refused")
    assert [attempt["reason"] for attempt in line["attempts"]] == ["connect_refused"]


def test_pulls_that_nobody_waits_for_are_bounded(make):
    """LIMIT_BACKGROUND_PULLS, while there is no answer yet, too: a silent origin is not asked for everything at once."""
    limit, count = 256, 300
    site = Site(make, {"edge.test": {"origin": {"head_timeout": "30s"}, "stale": {"wait_ms": 20000}}})
    site.origin.default = says(*STALE, 'ETag: "a"', body=b"old")
    with site.server.connect() as connection:
        for number in range(count):
            connection.request(target=f"/{number}")
            connection.response()
    site.origin.forget()
    site.origin.default = Reply(cut="before", how="hang")
    clients = [site.server.connect() for _ in range(count)]
    for number, each in enumerate(clients):
        each.request(target=f"/{number}")
        site.origin.wait(number + 1)
    for each in clients:
        each.abort()
    waiting = lambda: sum(not connection.ended for connection in site.origin.connections)  # noqa: E731
    wait_until(lambda: waiting() <= limit, "the end of what is too much")
    assert waiting() >= limit - 10
