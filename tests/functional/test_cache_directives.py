"""What a request asks of the cache (RFC 9111 section 5.2.1, 5.4)."""
import pytest
from caching import FRESH, Site, versioned, word

RULES = {"edge.test": {}, "deaf.test": {"cache": {"client_directives": "off"}}}
LINES = {
    "young": ("Cache-Control: max-age=100", "Age: 50"),
    "stale": ("Cache-Control: max-age=100", "Age: 150"),
    "stale, must-revalidate": ("Cache-Control: max-age=100, must-revalidate", "Age: 150"),
    "stale, s-maxage": ("Cache-Control: s-maxage=100", "Age: 150"),
    "stale, no-cache": ("Cache-Control: no-cache, max-age=100", "Age: 150"),
    "nothing": None,
}

# (what is remembered, the request's lines) -> the word; 504 where nobody may be asked
TABLE = {
    ("young", ""): "HIT",
    ("young", "Cache-Control: no-cache"): "REVALIDATED",
    ("young", "Cache-Control: NO-Cache"): "REVALIDATED",
    ("young", "Pragma: no-cache"): "REVALIDATED",
    ("young", "Pragma: No-Cache, a=b"): "REVALIDATED",
    ("young", "Pragma: other"): "HIT",
    ("young", "Pragma: no-cache; Cache-Control: max-age=1000"): "HIT",
    ("young", "Cache-Control: max-age=0"): "REVALIDATED",
    ("young", "Cache-Control: max-age=20"): "REVALIDATED",
    ("young", "Cache-Control: max-age=80"): "HIT",
    ("young", "Cache-Control: max-age=x"): "REVALIDATED",
    ("young", "Cache-Control: min-fresh=20"): "HIT",
    ("young", "Cache-Control: min-fresh=80"): "REVALIDATED",
    ("young", "Cache-Control: max-stale"): "HIT",
    ("young", "Cache-Control: max-age=80, min-fresh=80"): "REVALIDATED",
    ("young", "Cache-Control: max-age=80; Cache-Control: no-cache"): "REVALIDATED",
    ("young", "Cache-Control: only-if-cached"): "HIT",
    ("young", "Cache-Control: no-transform, own=1"): "HIT",
    ("young", "Cache-Control: no-store"): "PASS",
    ("stale", ""): "REVALIDATED",
    ("stale", "Cache-Control: max-stale"): "STALE",
    ("stale", "Cache-Control: max-stale=80"): "STALE",
    ("stale", "Cache-Control: max-stale=20"): "REVALIDATED",
    ("stale", "Cache-Control: max-stale=80, no-cache"): "REVALIDATED",
    ("stale", "Cache-Control: max-stale, max-age=100"): "REVALIDATED",
    ("stale", "Cache-Control: max-stale, max-age=200"): "STALE",
    ("stale", "Cache-Control: only-if-cached"): 504,
    ("stale", "Cache-Control: only-if-cached, max-stale"): "STALE",
    ("stale, must-revalidate", "Cache-Control: max-stale"): "REVALIDATED",
    ("stale, s-maxage", "Cache-Control: max-stale"): "REVALIDATED",
    ("stale, no-cache", "Cache-Control: max-stale"): "REVALIDATED",
    ("stale, no-cache", "Cache-Control: only-if-cached, max-stale"): 504,
    ("nothing", "Cache-Control: only-if-cached"): 504,
    ("nothing", "Cache-Control: only-if-cached, max-stale"): 504,
    ("nothing", "Cache-Control: no-cache"): "MISS",
    ("nothing", "Cache-Control: max-age=0"): "MISS",
    ("nothing", "Cache-Control: no-store"): "PASS",
}
DEAF = {
    ("young", "Cache-Control: no-cache"): "HIT",
    ("young", "Cache-Control: max-age=0"): "HIT",
    ("young", "Pragma: no-cache"): "HIT",
    ("young", "Cache-Control: no-store"): "HIT",
    ("young", "Cache-Control: min-fresh=80"): "HIT",
    ("stale", "Cache-Control: max-stale"): "REVALIDATED",
    ("nothing", "Cache-Control: only-if-cached"): "MISS",
    ("nothing", "Cache-Control: no-store"): "MISS",
}
ROWS = {**{("edge.test", *row): word for row, word in TABLE.items()},
        **{("deaf.test", *row): word for row, word in DEAF.items()}}  # fmt: skip


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once, RULES)


def kept(site, state, host="edge.test"):
    path = site.path()
    if LINES[state]:
        site.says(path, *LINES[state], 'ETag: "a"', body=b'"a"')
        site.get(path, host=host)
    site.origin.on(path, versioned('"a"', FRESH, not_modified=[FRESH]))
    return path


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        host, state, lines = row
        path = kept(site, state, host)
        response = site.get(path, *[line for line in lines.split("; ") if line], host=host)
        return path, response

    return side_by_side(run, ROWS)


@pytest.mark.parametrize("row", ROWS, ids=" - ".join)
def test_a_request_gets_what_it_asks_of_the_cache(site, results, row):
    path, response = results[row]
    if ROWS[row] == 504:
        assert (response.status, response.error) == (504, "only_if_cached")
        assert len(site.pulls(path)) == (1 if LINES[row[1]] else 0)
    else:
        assert (response.status, word(response)) == (200, ROWS[row]) and response.body == b'"a"'


def test_a_reload_refreshes_what_everybody_gets(site):
    """RFC 9111 5.2.1.4: the answer to no-cache is remembered."""
    path = kept(site, "young")
    site.origin.on(path, versioned('"b"', FRESH))
    assert site.get(path, "Cache-Control: no-cache").body == b'"b"'
    response = site.get(path)
    assert (word(response), response.body) == ("HIT", b'"b"')


@pytest.mark.parametrize("state", ["young", "nothing"])
def test_no_store_remembers_nothing_and_takes_nothing_away(site, state):
    """RFC 9111 5.2.1.5."""
    path = kept(site, state)
    site.origin.on(path, versioned('"b"', FRESH))
    assert site.get(path, "Cache-Control: no-store").body == b'"b"'
    response = site.get(path)
    assert (word(response), response.body) == (("HIT", b'"a"') if state == "young" else ("MISS", b'"b"'))


def test_the_clients_directives_reach_the_origin(site):
    """RFC 9111 5.2: they are passed on."""
    path = kept(site, "nothing")
    site.get(path, "Cache-Control: no-cache, own=1")
    assert "no-cache" in site.pulls(path)[0].fields.get("Cache-Control", "")


def test_head_obeys_as_well(site):
    path = kept(site, "young")
    assert word(site.ask("HEAD", path, "Cache-Control: only-if-cached")) == "HIT"
    assert site.ask("HEAD", site.path(), "Cache-Control: only-if-cached").status == 504


@pytest.mark.parametrize("line", ["X-Long: " + "l" * 5000, "Cache-Control: no-store"],
                         ids=["too long to be told apart", "no-store"])
def test_only_if_cached_asks_nobody_also_where_nothing_is_looked_up(make, line):
    """RFC 9111 5.2.1.7."""
    site = Site(make)
    site.says("/a", FRESH, "Vary: X-Long", body=b"x")
    site.get("/a")
    response = site.get("/a", "Cache-Control: only-if-cached", line)
    assert (response.status, response.error, len(site.pulls("/a"))) == (504, "only_if_cached", 1)
