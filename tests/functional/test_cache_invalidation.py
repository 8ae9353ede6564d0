"""What a request that is not safe invalidates (RFC 9111 section 4.4)."""
import threading

import pytest
from caching import FRESH, Site, says, wait_until, word
from origin import Reply

RULES = {"edge.test": {}, "other.test": {}, "ignore.test": {"cache": {"query": "ignore"}}}
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "X-OWN"]

# (method, status of its answer) -> whether what is remembered of the URL is gone
METHODS = {
    **{(method, 200): True for method in UNSAFE},
    ("PUT", 201): True, ("DELETE", 204): True, ("POST", 302): True, ("POST", 303): True, ("POST", 299): True,
    **{("POST", status): False for status in (400, 403, 404, 409, 500, 503)},
    ("OPTIONS", 200): False, ("HEAD", 200): False,
}  # fmt: skip

# A field of the answer to POST /p -> whether /p/other is gone as well; {} is /p
REFERENCES = {
    "Location: {}/other": True,
    "Location: other": None,  # relative to /p it is /other
    "Location: http://edge.test{}/other": True,
    "Location: HTTP://EDGE.TEST{}/other": True,
    "Location: //edge.test{}/other": True,
    "Location: {}/x/../other": True,
    "Location: {}/other#part": True,
    "Content-Location: {}/other": True,
    "Content-Location: http://edge.test{}/other": True,
    "Location: http://other.test{}/other": False,
    "Content-Location: http://other.test{}/other": False,
    "Location: https://elsewhere.example{}/other": False,
    "Location: {}/other?a=1": False,
    "Link: <{}/other>": False,
}


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    site = Site(make_once, RULES)
    site.origin.default = lambda request: says(FRESH, 'ETag: "a"', body=str(request.number).encode())
    return site


def write(site, path, *lines, method="POST", status=200, host="edge.test"):
    """A request that changes something, answered by these lines."""
    before = site.origin._replies.get(path, site.origin.default)
    site.says(path, *lines, status=status)
    response = site.ask(method, path, host=host)
    site.origin.on(path, before)
    return response


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        method, status = row
        path = site.path()
        first = site.get(path)
        change = write(site, path, "Location: /", 'ETag: "a"', method=method, status=status)
        return first, change, site.get(path)

    return side_by_side(run, METHODS)


@pytest.mark.parametrize("row", METHODS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_change_that_succeeded_invalidates_its_url(results, row):
    first, change, after = results[row]
    assert (word(first), change.status) == ("MISS", row[1])
    assert word(change) == ("HIT" if row[0] == "HEAD" else "PASS")
    if METHODS[row]:
        assert word(after) == "MISS" and after.body != first.body
    else:
        assert (word(after), after.body) == ("HIT", first.body)


@pytest.mark.parametrize("line", REFERENCES)
def test_what_it_refers_to_is_invalidated_at_its_own_authority_only(site, line):
    path = site.path()
    for host in ("edge.test", "other.test"):
        site.get(f"{path}/other", host=host)
        site.get(path, host=host)
    if REFERENCES[line] is None:
        site.get("/other")
    write(site, path, line.replace("{}", path), status=201)
    assert not site.is_kept(path)
    assert site.is_kept(f"{path}/other") == (REFERENCES[line] is not True)
    if REFERENCES[line] is None:
        assert not site.is_kept("/other")
    assert site.is_kept(f"{path}/other", host="other.test") and site.is_kept(path, host="other.test")


def test_another_port_is_another_authority(site):
    path = site.path()
    site.get(f"{path}/other")
    write(site, path, f"Location: http://edge.test:8080{path}/other", status=201)
    assert site.is_kept(f"{path}/other")


def test_all_variants_go(site):
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Vary: X-Kind", body=request.fields.get("X-Kind", "").encode()))
    for kind in "abc":
        site.get(path, f"X-Kind: {kind}")
    site.ask("DELETE", path)
    assert [word(site.get(path, f"X-Kind: {kind}")) for kind in "abc"] == ["MISS"] * 3


def test_it_is_gone_and_not_just_stale(site):
    """What the write replaced is not even used when the origin fails."""
    path = site.path()
    site.get(path)
    site.ask("PUT", path, body=b"x")
    site.says(path, status=503, body=b"down")
    assert site.get(path).body == b"down"
    assert "If-None-Match" not in site.pulls(path)[-1].fields


def test_the_rules_of_the_key_hold(site):
    path = site.path()
    site.get(f"{path}?a=1", host="ignore.test")
    site.ask("POST", f"{path}?b=2", host="ignore.test")
    assert not site.is_kept(f"{path}?c=3", host="ignore.test")


def test_a_change_that_failed_on_its_way_invalidates_nothing(site):
    path = site.path()
    first = site.get(path)
    site.origin.on(path, Reply(cut="request", how="reset"))
    assert site.ask("POST", path, body=b"x").status == 502
    assert (word(site.get(path)), site.get(path).body) == ("HIT", first.body)


def test_a_pull_that_began_before_the_change_is_not_remembered(site):
    """What the origin read before the write must not be what everybody gets after it."""
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, body=b"after") if request.method == "POST"
                   else says(FRESH, body=b"before", delay=0.5))  # fmt: skip
    got = []
    slow = threading.Thread(target=lambda: got.append(site.get(path)))
    slow.start()
    wait_until(lambda: site.pulls(path), "the pull")
    site.ask("POST", path)
    site.says(path, FRESH, body=b"after")
    assert site.get(path).body == b"after"
    slow.join()
    assert got[0].status == 200
    assert site.get(path).body == b"after"


def test_the_very_next_request_sees_it(site):
    path = site.path()
    with site.server.connect() as connection:
        last = b""
        for _ in range(20):
            connection.request("POST", path, body=b"x")
            connection.response("POST")
            connection.request(target=path)
            response = connection.response()
            assert response.body != last and word(response) == "MISS"
            last = response.body
            connection.request(target=path)
            assert connection.response().body == last
