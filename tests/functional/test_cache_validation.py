"""Validation: what is stale, or may not be used unasked, and the origin's answer (RFC 9111 section 4.3)."""
import pytest
from caching import FRESH, STALE, Site, age, at_once, fields_of, says, versioned, wait_until, word
from origin import Generated

LAST_MODIFIED = "Mon, 02 Nov 2026 10:00:00 GMT"


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once)


def stored(site, *lines, then=None, **reply):
    """A path for which this is remembered, and what the origin says from then on."""
    path = site.path()
    site.says(path, *lines, **reply)
    site.get(path)
    if then is not None:
        site.origin.on(path, then)
    return path


# name -> (validators of what is remembered, conditions of the request that validates it)
CONDITIONS = {
    "a strong ETag": (['ETag: "a"'], {"If-None-Match": '"a"'}),
    "a weak ETag": (['ETag: W/"a"'], {"If-None-Match": 'W/"a"'}),
    "Last-Modified": ([f"Last-Modified: {LAST_MODIFIED}"], {"If-Modified-Since": LAST_MODIFIED}),
    "both": (['ETag: "a"', f"Last-Modified: {LAST_MODIFIED}"],
             {"If-None-Match": '"a"', "If-Modified-Since": LAST_MODIFIED}),
    "none": ([], {}),
    "an ETag that is none": (["ETag: a"], {}),
    "a Last-Modified that is none": (["Last-Modified: once"], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_what_is_stale_is_validated_with_its_own_validators(site, name):
    """RFC 9111 4.3.1."""
    validators, expected = CONDITIONS[name]
    path = stored(site, *STALE, *validators)
    site.get(path, "Accept: */*")
    fields = site.pulls(path)[1].fields
    assert {key: fields.get(key) for key in ("If-None-Match", "If-Modified-Since") if key in fields} == expected


def test_a_304_makes_it_fresh_and_updates_its_head(site):
    """RFC 9111 4.3.4, 3.2."""
    path = stored(
        site, *STALE, 'ETag: "a"', "X-Old: 1", "X-Both: old", "Content-Type: text/a", "Date: {now-200}", body=b"body",
        then=says("Cache-Control: max-age=1000", 'ETag: "a"', "X-Both: new", "X-Both: newer", "X-New: 1", status=304))
    response = site.get(path)
    assert (response.status, response.body, word(response)) == (200, b"body", "REVALIDATED")
    for _ in range(2):
        assert response.fields.all("X-Both") == ["new", "newer"]
        assert (response.fields.get("X-New"), response.fields.get("X-Old")) == ("1", "1")
        assert response.fields.get("Content-Type") == "text/a" and response.fields.get("Content-Length") == "4"
        assert response.fields.get("Cache-Control") == "max-age=1000" and age(response) <= 5
        response = site.get(path)
        assert word(response) == "HIT"
    assert len(site.pulls(path)) == 2


def test_a_304_does_not_touch_what_the_bytes_depend_on(site):
    """RFC 9111 3.2, 3.1: what tells of the encoding, the range, the length, the connection, and cookies."""
    path = stored(
        site, *STALE, 'ETag: "a"', "Content-Encoding: x-own", body=b"body",
        then=says(FRESH, 'ETag: "a"', "Content-Encoding: gzip", "Content-Range: bytes 0-1/2", "Set-Cookie: a=b",
                  "Connection: X-Hop", "X-Hop: 1", "Content-Length: 4", status=304))  # fmt: skip
    for expected in ("REVALIDATED", "HIT"):
        response = site.get(path)
        assert (word(response), response.body) == (expected, b"body")
        assert response.fields.get("Content-Encoding") == "x-own" and response.fields.get("Content-Length") == "4"
        for name in ("Content-Range", "X-Hop"):
            assert name not in response.fields
        assert ("Set-Cookie" in response.fields) == (expected == "REVALIDATED")


# name -> (the domain, the lines of a 304, those of them that are for one client)
OWN = {
    "cookies": ("edge.test", [FRESH, "Set-Cookie: a=b", "Set-Cookie: c=d"], ["Set-Cookie: a=b", "Set-Cookie: c=d"]),
    "a cookie where they are cut off": ("strip.test", [FRESH, "Set-Cookie: a=b"], ["Set-Cookie: a=b"]),
    "a field that private names": (
        "edge.test", ['Cache-Control: max-age=100, private="x-one"', "X-One: 1", "X-Two: 2"], ["X-One: 1"]),
}  # fmt: skip


@pytest.mark.parametrize("row", OWN)
@pytest.mark.parametrize("condition", [(), ('If-None-Match: "a"',), ("Range: bytes=1-2",)])
def test_what_a_304_has_for_one_client_that_client_gets_alone(make, row, condition):
    """RFC 9111 3.2, 7.3: it is stored nowhere, and nobody else is given it; but who was asked for has a session now."""
    host, lines, own = OWN[row]
    site = Site(make, {"edge.test": {}, "strip.test": {"cache": {"set_cookie": "strip"}}})
    site.says("/a", *STALE, 'ETag: "a"', body=b"body")
    site.get("/a", host=host)
    site.says("/a", *lines, 'ETag: "a"', status=304, delay=0.4)
    first, *others = at_once(site.server, 3, "/a", *condition, host=host)
    others += [site.get("/a", *condition, host=host)]
    assert len(site.pulls("/a")) == 2
    given = [response for response in (first, *others) if any(name in response.fields for name, _ in fields_of(own))]
    assert len(given) == 1 and word(given[0]) == "REVALIDATED"
    assert [field for field in given[0].fields if field in fields_of(own)] == list(fields_of(own))
    status = {"If": 304, "Ra": 206}.get(condition[0][:2], 200) if condition else 200
    assert {response.status for response in (first, *others)} == {status}
    assert word(others[-1]) == "HIT"


def test_what_a_304_behind_a_stale_response_has_for_one_client_nobody_gets(make):
    """RFC 5861 3: who it was pulled for has been served already."""
    site = Site(make, {"edge.test": {"stale": {"while_revalidate": "200s"}}})
    site.says("/a", *STALE, 'ETag: "a"', body=b"body")
    site.get("/a")
    site.says("/a", FRESH, 'ETag: "a"', "Set-Cookie: a=b", status=304)
    responses = [site.get("/a")]
    wait_until(lambda: responses.append(site.get("/a")) or word(responses[-1]) == "HIT", "the validation")
    assert word(responses[0]) == "STALE" and not any("Set-Cookie" in response.fields for response in responses)


def test_a_304_without_freshness_keeps_the_remembered_one(site):
    """RFC 9111 4.3.4: what it does not say is as it was; its age begins anew."""
    path = stored(site, *STALE, 'ETag: "a"', then=says('ETag: "a"', status=304))
    assert [word(site.get(path)) for _ in range(2)] == ["REVALIDATED", "HIT"]


def test_a_304_with_an_age_is_that_old(site):
    """RFC 9111 4.2.3."""
    path = stored(site, *STALE, 'ETag: "a"', then=says(FRESH, 'ETag: "a"', "Age: 300", status=304))
    assert 300 <= age(site.get(path)) <= 310
    assert 300 <= age(site.get(path)) <= 310


def test_a_304_with_no_store_ends_it(site):
    path = stored(site, *STALE, 'ETag: "a"', body=b"old",
                  then=lambda request: says("Cache-Control: no-store", 'ETag: "a"', status=304)
                  if "If-None-Match" in request.fields else says("Cache-Control: no-store", body=b"new"))  # fmt: skip
    assert site.get(path).body in (b"old", b"new")
    assert not site.is_kept(path)
    assert site.get(path).body == b"new"


# The validators of a 304 that answers "a" of LAST_MODIFIED, and whether it may update it (RFC 9111 4.3.4).
SELECTIONS = {
    "the same strong ETag": (['ETag: "a"'], True),
    "the weak form of it": (['ETag: W/"a"'], True),
    "another ETag": (['ETag: "b"'], False),
    "another ETag and the same date": (['ETag: "b"', f"Last-Modified: {LAST_MODIFIED}"], False),
    "the same date": ([f"Last-Modified: {LAST_MODIFIED}"], True),
    "another date": (["Last-Modified: Mon, 02 Nov 2026 10:00:01 GMT"], False),
    "no validator": ([], True),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_304_updates_only_what_it_speaks_of(site, name):
    """RFC 9111 4.3.4: one for another representation leads to a pull without conditions."""
    lines, may_update = SELECTIONS[name]

    def answer(request):
        if "If-None-Match" in request.fields or "If-Modified-Since" in request.fields:
            return says(FRESH, *lines, status=304)
        return says(FRESH, 'ETag: "b"', body=b"new")

    path = stored(site, *STALE, 'ETag: "a"', f"Last-Modified: {LAST_MODIFIED}", body=b"old", then=answer)
    for expected in ("REVALIDATED" if may_update else "MISS", "HIT"):
        response = site.get(path)
        assert (word(response), response.status, response.body) == (expected, 200, b"old" if may_update else b"new")
    assert len(site.pulls(path)) == (2 if may_update else 3)


def test_a_304_to_nothing_asked_is_no_answer(make):
    """A stale response without validators is pulled whole; a 304 to that tells nothing."""
    site = Site(make)
    path = stored(site, *STALE, body=b"old", then=says(FRESH, status=304))
    response = site.get(path)
    assert response.status == 502 or (word(response), response.body) == ("STALE", b"old"), response


@pytest.mark.parametrize("status", [200, 203, 404, 410, 301, 403])
def test_another_answer_replaces_it(site, status):
    """RFC 9111 4.3.3: a full response is used, and may replace what was remembered."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"old",
                  then=says(FRESH, 'ETag: "b"', "Location: /", status=status, body=b"new"))
    for expected in ("MISS", "HIT"):
        response = site.get(path)
        assert (word(response), response.status, response.body) == (expected, status, b"new")
    assert len(site.pulls(path)) == 2


@pytest.mark.parametrize("status, lines", [
    (200, ["Cache-Control: no-store"]), (200, ["Cache-Control: private"]), (404, []), (410, []),
    (403, ["Cache-Control: no-store"]), (200, [FRESH, "Set-Cookie: a=b"]),
])  # fmt: skip
def test_an_answer_that_is_not_remembered_ends_the_one_that_is(site, status, lines):
    """RFC 9111 4.3.3: what the origin no longer says is not said again, not even when it fails."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"old", then=says(*lines, status=status, body=b"new"))
    response = site.get(path)
    assert (response.status, response.body) == (status, b"new")
    site.says(path, status=503, body=b"down")
    assert site.get(path).body == b"down"
    assert "If-None-Match" not in site.pulls(path)[2].fields


@pytest.mark.parametrize("lines, reply", [
    (["Cache-Tag: " + ",".join(f"t{number}" for number in range(300))], {}),
    ([], {"framing": "close"}),
    (["Vary: " + ", ".join(f"X-{number}" for number in range(40))], {}),
    (["Vary: X-Long"], {}),
])  # fmt: skip
def test_an_answer_that_cannot_be_remembered_ends_the_one_that_is(site, lines, reply):
    """RFC 9111 4.3.3: not even where it may be remembered, and only we are not able to."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"old", then=says(FRESH, *lines, body=b"new", **reply))
    response = site.get(path, "X-Long: " + "l" * 5000)
    assert response.body == b"new"
    assert site.get(path, "Cache-Control: only-if-cached, max-stale").status == 504


def test_a_head_of_as_many_fields_as_may_be_has_room_for_ours(make):
    """256 with those that the client adds; what is asked for all needs up to three more."""
    site = Site(make, flags=["--head-fields", "256"])
    lines = [f"X-{number}: 1" for number in range(254)]
    path = stored(site, *STALE, 'ETag: "a"', f"Last-Modified: {LAST_MODIFIED}", body=b"old", then=says(FRESH, body=b"new"))
    for count in (251, 252, 253, 254):
        assert site.get(path, "Cache-Control: no-cache", *lines[:count - 1]).status == 200
        assert site.get(site.path(), *lines[:count]).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failure_leaves_it_as_it_is(site, status):
    """RFC 9111 4.3.3: the stale response may be sent, and is validated again."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"old", then=says(status=status, body=b"down"))
    response = site.get(path)
    assert (response.status, response.body, word(response)) == (200, b"old", "STALE")
    site.origin.on(path, versioned('"a"', FRESH, not_modified=[FRESH]))
    response = site.get(path)
    assert (response.body, word(response)) == (b"old", "REVALIDATED")


ASKED_EACH_TIME = ["no-cache, max-age=100", "max-age=0", "s-maxage=0", "no-cache", "max-age=0, must-revalidate",
                   'max-age=100, no-cache="etag"']  # fmt: skip


@pytest.mark.parametrize("control", ASKED_EACH_TIME)
def test_what_must_be_asked_for_is_asked_for_each_time(site, control):
    """RFC 9111 5.2.2.4."""
    path = stored(site, f"Cache-Control: {control}", 'ETag: "a"', body=b"body",
                  then=versioned('"a"', not_modified=[f"Cache-Control: {control}"]))
    for _ in range(3):
        response = site.get(path)
        assert (response.status, response.body, word(response)) == (200, b"body", "REVALIDATED")
    assert len(site.pulls(path)) == 4
    site.origin.on(path, says(f"Cache-Control: {control}", 'ETag: "b"', body=b"new"))
    assert site.get(path).body == b"new"
    assert site.get(path).body == b"new" and site.pulls(path)[-1].fields.get("If-None-Match") == '"b"'


@pytest.mark.parametrize("control", ["must-revalidate", "proxy-revalidate"])
def test_must_revalidate_is_a_hit_while_it_is_fresh(site, control):
    """RFC 9111 5.2.2.2, 5.2.2.8."""
    path = stored(site, f"Cache-Control: max-age=100, {control}")
    assert word(site.get(path)) == "HIT"


def test_no_cache_with_field_names_is_a_hit_without_them(site):
    """RFC 9111 5.2.2.4."""
    path = stored(site, 'Cache-Control: max-age=100, no-cache="X-A"', "X-A: 1", "X-B: 1")
    response = site.get(path)
    assert word(response) == "HIT" and "X-A" not in response.fields and "X-B" in response.fields


def test_the_clients_own_condition_does_not_decide_what_is_validated(site):
    """RFC 9111 4.3.2: a client that has another version gets the whole."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"body", then=versioned('"a"', not_modified=[FRESH]))
    response = site.get(path, 'If-None-Match: "z"')
    assert (response.status, response.body) == (200, b"body")
    assert '"a"' in site.pulls(path)[1].fields.get("If-None-Match")
    assert word(site.get(path)) == "HIT"


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_client_that_has_the_current_version_gets_a_304(site, is_changed):
    """RFC 9111 4.3.2: whether the origin confirms what is remembered or sends what the client has."""
    new = versioned('"b"', FRESH) if is_changed else versioned('"a"', not_modified=[FRESH])
    path = stored(site, *STALE, 'ETag: "a"', body=b"body", then=new)
    response = site.get(path, 'If-None-Match: "b"' if is_changed else 'If-None-Match: "a"')
    assert (response.status, response.body) == (304, b"")
    assert (word(site.get(path)), site.get(path).body) == ("HIT", b'"b"' if is_changed else b"body")


@pytest.mark.parametrize("size", [65536, 65537, 3 << 20])
def test_a_large_body_is_not_pulled_again(site, size):
    path = stored(site, *STALE, 'ETag: "a"', body=Generated("v", size),
                  then=versioned('"a"', not_modified=[FRESH, "X-New: 1"]))
    first = site.get(path, keep=False)
    second = site.get(path, keep=False)
    assert (word(first), word(second), second.fields.get("X-New")) == ("REVALIDATED", "HIT", "1")
    assert first.digest == second.digest and first.size == second.size == size


def test_it_is_validated_again_and_again(site):
    path = stored(site, *STALE, 'ETag: "a"', body=b"body",
                  then=versioned('"a"', not_modified=[*STALE, "X-Note: again"]))
    for _ in range(10):
        response = site.get(path)
        assert (word(response), response.body) == ("REVALIDATED", b"body")
        assert response.fields.all("X-Note") == ["again"]


@pytest.mark.parametrize("is_same", [True, False])
def test_head_validates_what_is_stale_and_does_not_lose_it(site, is_same):
    """RFC 9111 4.3.5, 2: what HEAD finds stale is validated; its answer is the head of what a GET would give."""
    path = stored(site, *STALE, 'ETag: "a"', body=b"body",
                  then=versioned('"a"', not_modified=[FRESH]) if is_same else versioned('"bb"', FRESH))
    response = site.ask("HEAD", path)
    assert (response.status, response.fields.get("ETag")) == (200, '"a"' if is_same else '"bb"')
    assert response.fields.get("Content-Length") == "4"
    response = site.get(path)
    assert response.body == (b"body" if is_same else b'"bb"')
    if is_same:
        assert word(response) == "HIT"


@pytest.mark.parametrize("lines", [(), ("Cache-Control: no-cache",)], ids=["stale", "no-cache"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 10, 200_000])
def test_head_of_what_is_not_for_sharing_any_more_has_no_body(site, lines, framing, size):
    """RFC 9110 9.3.2: the GET that was to validate it for all turns out to be this client's alone."""
    path = site.path()
    site.says(path, *([FRESH] if lines else STALE), 'ETag: "a"', body=b"old")
    site.get(path)
    site.says(path, "Cache-Control: private", 'ETag: "b"', framing=framing, body=b"x" * size)
    with site.server.connect() as connection:
        connection.request("HEAD", path, fields=fields_of(lines))
        response = connection.response("HEAD")
        assert (response.status, response.fields.get("ETag"), word(response)) == (200, '"b"', "PASS")
        assert framing != "length" or response.fields.get("Content-Length") == str(size)
        connection.request("GET", path)
        assert connection.response().body == b"x" * size


def test_head_with_no_store_leaves_what_is_remembered_as_it_is(site):
    """RFC 9111 5.2.1.5: no part of such an answer is stored."""
    path = stored(site, "Cache-Control: max-age=50", 'ETag: "a"', body=b"body",
                  then=says(FRESH, 'ETag: "a"', "X-New: 1", body=b"body"))
    response = site.ask("HEAD", path, "Cache-Control: no-store")
    assert (word(response), response.fields.get("X-New")) == ("PASS", "1")
    after = site.get(path)
    assert (word(after), after.body) == ("HIT", b"body") and "X-New" not in after.fields


def test_head_with_no_cache_validates_for_all(site):
    """RFC 9111 5.2.1.4."""
    path = stored(site, "Cache-Control: max-age=50", 'ETag: "a"', body=b"body",
                  then=says(FRESH, 'ETag: "a"', "X-New: 1", status=304))
    head = site.ask("HEAD", path, "Cache-Control: no-cache")
    assert (word(head), head.fields.get("X-New"), head.fields.get("Content-Length")) == ("REVALIDATED", "1", "4")
    after = site.get(path)
    assert (word(after), after.body, after.fields.get("X-New")) == ("HIT", b"body", "1")


def test_what_is_stale_without_a_validator_is_pulled_whole(site):
    path = stored(site, *STALE, body=b"old", then=says(FRESH, body=b"new"))
    assert (site.get(path).body, word(site.get(path))) == (b"new", "HIT")
    assert "If-None-Match" not in site.pulls(path)[1].fields
