"""Variants: which requests may share a response (RFC 9111 section 4.1)."""
import pytest
from caching import FRESH, STALE, Site, crowd, says, status_of, word
from origin import Reply


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once)


def varying(site, vary, *lines, more=(FRESH,)):
    """A path whose body tells the values of the named fields as the origin saw them."""
    names = [name.strip() for name in vary.split(",")]

    def answer(request):
        body = repr([request.fields.all(name) for name in names]).encode()
        return says(*more, f"Vary: {vary}", *lines, body=body)

    path = site.path()
    site.origin.on(path, answer)
    return path


# (field, the value of one request, that of the next) -> whether they share a response; None: the field is missing
PAIRS = {
    ("Accept-Encoding", "gzip, br", "br,gzip"): True,
    ("Accept-Encoding", "gzip;q=1.0, br;q=0.5", "br, gzip"): True,
    ("Accept-Encoding", "gzip", "deflate, gzip, zstd"): True,
    ("Accept-Encoding", "GZip", "gzip"): True,
    ("Accept-Encoding", "gzip;q=0", None): True,
    ("Accept-Encoding", "identity", None): True,
    ("Accept-Encoding", "", None): True,
    ("Accept-Encoding", "*", "gzip, br"): True,
    ("Accept-Encoding", "gzip ; q=0.5", "gzip;q=0.001"): True,
    ("Accept-Encoding", "gzip", "br"): False,
    ("Accept-Encoding", "gzip", None): False,
    ("Accept-Encoding", "gzip, br", "gzip"): False,
    ("Accept-Encoding", "gzip", "gzip, identity;q=0"): False,
    ("Accept-Encoding", "br;q=0, *", "br"): False,
    ("Accept-Language", "en, de", "EN,de"): True,
    ("Accept-Language", "en-GB;q=0.8", "en-gb ; q=0.8"): True,
    ("Accept-Language", "en", "de"): False,
    ("Accept-Language", "en, de", "de, en"): False,
    ("Accept", "text/html, */*", "text/html,*/*"): True,
    ("Accept", "Text/HTML", "text/html"): True,
    ("Accept", "text/html", "text/plain"): False,
    ("X-Kind", "a", "a"): True,
    ("X-Kind", "a  b", "a b"): True,
    ("X-Kind", "a", "b"): False,
    ("X-Kind", "a", "A"): False,
    ("X-Kind", "a", None): False,
    ("X-Kind", "", None): False,
    ("X-Kind", "ab", "a b"): False,
    ("Cookie", "a=1", "a=1"): True,
    ("Cookie", "a=1", "a=2"): False,
    ("User-Agent", "x/1", "x/2"): False,
}


def asked(field, value):
    return [] if value is None else [f"{field}: {value}"]


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        field, first, second = row
        path = varying(site, field)
        return [site.get(path, *asked(field, value)) for value in (first, second, first, second)], site.pulls(path)

    return side_by_side(run, PAIRS)


@pytest.mark.parametrize("row", PAIRS, ids=lambda row: f"{row[0]}: {row[1]} - {row[2]}")
def test_requests_share_a_response_where_their_values_mean_the_same(results, row):
    """RFC 9111 4.1; Accept-Encoding is which of br, gzip and identity are acceptable (RFC 9110 12.5.3)."""
    responses, pulls = results[row]
    if PAIRS[row]:
        assert [word(response) for response in responses] == ["MISS", "HIT", "HIT", "HIT"] and len(pulls) == 1
        assert len({response.body for response in responses}) == 1
    else:
        assert [word(response) for response in responses] == ["MISS", "MISS", "HIT", "HIT"] and len(pulls) == 2
        assert responses[0].body == responses[2].body and responses[1].body == responses[3].body
        assert status_of(responses[1])["fwd"] == "vary-miss"
    assert all(response.fields.get("Vary") == row[0] for response in responses)


def test_two_lines_are_one_list(site):
    """RFC 9110 5.3."""
    path = varying(site, "X-Kind")
    assert word(site.get(path, "X-Kind: a", "X-Kind: b")) == "MISS"
    assert word(site.get(path, "X-Kind: a, b")) == "HIT"


def test_the_origin_is_asked_for_what_is_told_apart(site):
    """A coding that is not told apart must not decide what others get."""
    path = varying(site, "Accept-Encoding")
    assert site.get(path, "Accept-Encoding: zstd, deflate, gzip;q=0.3, br;q=0").body == b"[['gzip']]"


def test_who_takes_no_coding_gets_none_also_after_who_said_nothing(site):
    """RFC 9110 12.5.3: to who says nothing an origin may send any coding; what is stored is for who said identity, too."""
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Vary: Accept-Encoding", body=b"plain")
                   if request.fields.get("Accept-Encoding") == "identity"
                   else says(FRESH, "Vary: Accept-Encoding", "Content-Encoding: gzip", body=b"packed"))  # fmt: skip
    site.get(path)
    for value in ("identity", "deflate", "gzip;q=0"):
        assert site.get(path, f"Accept-Encoding: {value}").body == b"plain"


@pytest.mark.parametrize("first", ["gzip", "identity"])
def test_who_takes_no_coding_gets_none_also_where_vary_does_not_say_that_there_are_two(site, first):
    """RFC 9110 12.5.3. Servers that compress leave Vary out unless they are told otherwise."""
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Content-Encoding: gzip", body=b"packed")
                   if "gzip" in request.fields.get("Accept-Encoding") else says(FRESH, body=b"plain"))  # fmt: skip
    site.get(path, f"Accept-Encoding: {first}")
    for lines in ((), ("Accept-Encoding: identity",), ("Accept-Encoding: br",)):
        assert site.get(path, *lines).body == b"plain"
    assert word(site.get(path)) == "HIT"
    response = site.get(path, "Accept-Encoding: gzip")
    assert (response.body, word(response)) == ((b"packed", "HIT") if first == "gzip" else (b"plain", "HIT"))


def test_no_value_passes_for_the_end_of_another(site):
    path = varying(site, "X-One, X-Two")
    requests = [("X-One: ab", "X-Two: c"), ("X-One: a", "X-Two: bc"), ("X-One: abc",), ("X-Two: abc",),
                ("X-One: abc", "X-Two:"), ("X-One: ab, c",), ("X-Two: c", "X-One: ab")]  # fmt: skip
    first = [site.get(path, *lines) for lines in requests]
    assert [word(response) for response in first] == ["MISS"] * 6 + ["HIT"]
    assert len({response.body for response in first}) == 6
    for lines, response in zip(requests, first):
        assert site.get(path, *lines).body == response.body


def test_many_variants_of_one_url(site):
    path = varying(site, "X-Kind")
    bodies = [site.get(path, f"X-Kind: {number}").body for number in range(50)]
    assert len(set(bodies)) == 50
    for number in range(50):
        response = site.get(path, f"X-Kind: {number}")
        assert (word(response), response.body) == ("HIT", bodies[number])


def test_names_have_no_case(site):
    path = varying(site, "x-KIND")
    site.get(path, "X-Kind: a")
    assert (word(site.get(path, "x-kind: a")), word(site.get(path, "X-KIND: b"))) == ("HIT", "MISS")


def test_a_url_that_comes_to_vary_on_more_is_told_apart_by_more(site):
    path = site.path()

    def answer(request):
        vary = "X-One, X-Two" if request.fields.get("X-One") == "new" else "X-One"
        values = [request.fields.get(name) for name in ("X-One", "X-Two")]
        return says(FRESH, f"Vary: {vary}", body=repr(values).encode())

    site.origin.on(path, answer)
    asks = [("X-One: old", "X-Two: 1"), ("X-One: new", "X-Two: 1"), ("X-One: new", "X-Two: 2"), ("X-One: new",)]
    for _ in range(2):
        for lines in asks:
            body = site.get(path, *lines).body
            assert body.startswith(b"['new'" if "new" in lines[0] else b"['old'")
            if "new" in lines[0]:
                wanted = dict(line.split(": ") for line in lines).get("X-Two")
                assert body == repr(["new", wanted]).encode()
    assert [word(site.get(path, *lines)) for lines in asks] == ["HIT"] * 4


def test_a_url_that_begins_to_vary_forgets_what_did_not(site):
    path = site.path()
    site.says(path, *STALE, body=b"one for all")
    site.get(path)
    site.origin.on(path, lambda request: says(FRESH, "Vary: X-Kind", body=request.fields.get("X-Kind").encode()))
    for _ in range(2):
        assert site.get(path, "X-Kind: a").body == b"a" and site.get(path, "X-Kind: b").body == b"b"


def test_a_304_updates_the_variant_that_was_asked_for(site):
    """RFC 9111 4.3.4."""
    path = site.path()

    def answer(request):
        kind = request.fields.get("X-Kind")
        if request.fields.get("If-None-Match") == f'"{kind}"':
            return says(FRESH, f'ETag: "{kind}"', f"X-New: {kind}", status=304)
        return says(*STALE, "Vary: X-Kind", f'ETag: "{kind}"', body=kind.encode())

    site.origin.on(path, answer)
    for kind in ("a", "b"):
        site.get(path, f"X-Kind: {kind}")
    for kind in ("a", "b"):
        for expected in ("REVALIDATED", "HIT"):
            response = site.get(path, f"X-Kind: {kind}")
            assert (word(response), response.body, response.fields.get("X-New")) == (expected, kind.encode(), kind)


# What the origin says of one variant when that is asked for again, and nobody may keep.
REPLACED = {
    "a refusal": says(status=403, body=b"new"),
    "not there": says(status=404, body=b"new"),
    "a page of somebody's own": says("Cache-Control: private", body=b"new"),
    "a page that nobody may keep": says("Cache-Control: no-store", body=b"new"),
    "a page with a cookie": says(FRESH, "Set-Cookie: s=1", body=b"new"),
}


@pytest.mark.parametrize("row", REPLACED)
def test_what_one_variant_has_come_to_takes_no_other_ones_stale_copy_away(site, row):
    """RFC 9111 4.3.3 speaks of the response that was chosen; origin-pull.md section 4: a 4xx replaces the object."""
    path = site.path()
    site.origin.on(path, lambda request: says(*STALE, "Vary: X-Kind", 'ETag: "a"', body=b"old"))
    for kind in ("a", "b"):
        site.get(path, f"X-Kind: {kind}")
    site.origin.on(path, REPLACED[row])
    assert site.get(path, "X-Kind: a").body == b"new"
    site.says(path, status=503, body=b"down")
    response = site.get(path, "X-Kind: b")
    assert (word(response), response.body) == ("STALE", b"old")
    assert site.get(path, "X-Kind: a").body == b"down"


def test_what_head_says_of_one_variant_is_said_of_no_other(site):
    """RFC 9111 4.3.5: of those that could have been chosen for a GET."""
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Vary: X-Kind", 'ETag: "a"', body=b"old"))
    for kind in ("a", "b"):
        site.get(path, f"X-Kind: {kind}")
    site.says(path, FRESH, "Vary: X-Kind", 'ETag: "b"', body=b"new")
    site.ask("HEAD", path, "X-Kind: a", "Cache-Control: no-cache")
    assert word(site.get(path, "X-Kind: b")) == "HIT"
    assert site.get(path, "X-Kind: a").body == b"new"


def test_more_than_a_variant_may_have_is_passed_on(site):
    """LIMIT_VARIANT_BYTES."""
    path = varying(site, "X-Kind")
    site.get(path, "X-Kind: a")
    for _ in range(2):
        response = site.get(path, "X-Kind: " + "a" * 6000)
        assert word(response) == "PASS" and b"a" * 6000 in response.body
    assert word(site.get(path, "X-Kind: a")) == "HIT"


def test_a_crowd_of_two_kinds_gets_each_its_own(site):
    """Before the first answer nobody knows that the URL varies: half of the crowd waited for the wrong one."""
    path = site.path()
    site.origin.on(path, lambda request: Reply(fields=says(FRESH, "Vary: X-Kind").fields, delay=0.3,
                                               body=request.fields.get("X-Kind").encode() * 1000))  # fmt: skip
    responses = crowd(20, lambda number: site.get(path, f"X-Kind: {number % 2}"))
    for number, response in enumerate(responses):
        assert response.body == str(number % 2).encode() * 1000
    assert len(site.pulls(path)) == 2


def test_a_crowd_of_many_kinds_gets_each_its_own(site):
    path = site.path()
    site.origin.on(path, lambda request: Reply(fields=says(FRESH, "Vary: X-Kind").fields, delay=0.1,
                                               body=request.fields.get("X-Kind").encode() * 1000))  # fmt: skip
    responses = crowd(24, lambda number: site.get(path, f"X-Kind: {number % 12}"))
    for number, response in enumerate(responses):
        assert response.body == str(number % 12).encode() * 1000


# What a client says to us alone, or may not say: the origin never sees it, and so its answer is not for those who
# say the same to the origin.


def test_what_a_connection_names_is_not_what_the_answer_varies_on(site):
    """RFC 9110 7.6.1: such a field is for us alone. An answer that was made without it is not for who sends it on."""
    path = varying(site, "X-Kind")
    assert site.get(path, "X-Kind: a", "Connection: X-Kind").body == b"[[]]"
    assert site.get(path, "X-Kind: a").body == b"[['a']]"
    assert word(site.get(path)) == "HIT" and word(site.get(path, "X-Kind: b", "Connection: X-Kind")) == "HIT"


def test_a_connection_that_names_the_coding_does_not_decide_what_others_get(site):
    path = varying(site, "Accept-Encoding")
    for value in ("gzip", "identity"):
        response = site.get(path, f"Accept-Encoding: {value}", "Connection: Accept-Encoding")
        assert response.body == f"[['{value}']]".encode()


def test_a_connection_cannot_name_away_what_validates(site):
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, 'ETag: "a"', status=304) if "If-None-Match" in request.fields
                   else says(*STALE, 'ETag: "a"', body=b"x"))  # fmt: skip
    site.get(path)
    assert word(site.get(path, "Connection: If-None-Match, If-Modified-Since")) == "REVALIDATED"


# name -> what a client whom nobody trusts says
FORGED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "other.test",
    "X-Forwarded-For": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
}


@pytest.mark.parametrize("name", FORGED)
def test_what_a_stranger_forges_is_no_variant(make, name):
    """The origin is told the truth; the answer to that is not for whom a proxy that we trust says the same of."""
    site = Site(make, {"edge.test": {"forwarding": {"forwarded": "on"}}})
    site.origin.default = lambda request: says(FRESH, f"Vary: {name}", body=repr(request.fields.all(name)).encode())
    forged = site.get("/a", f"{name}: {FORGED[name]}").body
    assert FORGED[name].encode() not in forged
    assert site.get("/a").body == forged
    if name in ("X-Forwarded-For", "Forwarded"):
        assert not site.is_kept("/a")
    else:
        assert site.is_kept("/a") and len(site.pulls("/a")) == 1


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Host"])
def test_what_a_trusted_proxy_says_is_a_variant(make, name):
    site = Site(make, flags={"trusted_proxies": "127.0.0.1"})
    site.origin.default = lambda request: says(FRESH, f"Vary: {name}", body=repr(request.fields.all(name)).encode())
    for expected in ("MISS", "HIT"):
        for value in ("http", "https"):
            response = site.get("/a", f"{name}: {value}")
            assert (word(response), response.body) == (expected, f"['{value}']".encode())
