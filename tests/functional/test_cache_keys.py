"""Which URLs are one object: the cache's keys, and the rules that an operator gives for them (RFC 9111 section 2)."""
import pytest
from caching import FRESH, Site, says, word
from domains import domain

RULES = {
    "edge.test": {},
    "ignore.test": {"cache": {"query": "ignore"}},
    "chosen.test": {"cache": {"query": "chosen", "query_parameters": ["id", "v"]}},
    "sorted.test": {"cache": {"query_sorted": "on"}},
    "anycase.test": {"cache": {"query": "chosen", "query_parameters": ["id"], "ignore_case": "on"}},
    "both.test": {"cache": {"query": "chosen", "query_parameters": ["id", "v"], "query_sorted": "on"}},
    "case.test": {"cache": {"ignore_case": "on"}},
    "*.wild.test": {},
}
MANY = "&".join(f"p{number}=1" for number in range(200))

# (domain, one target, another) -> whether they are one object; {} is the row's own path
TABLE = {
    ("edge.test", "{}", "{}"): True,
    ("edge.test", "{}?a=1", "{}?a=1"): True,
    ("edge.test", "{}?a=1", "{}?a=2"): False,
    ("edge.test", "{}", "{}?"): False,
    ("edge.test", "{}?a=1&b=2", "{}?b=2&a=1"): False,
    ("edge.test", "{}/A", "{}/a"): False,
    ("edge.test", "{}/%41", "{}/A"): False,
    ("edge.test", "{}/%c3", "{}/%C3"): False,
    ("edge.test", "{}/", "{}"): False,
    ("edge.test", "{}", "http://edge.test{}"): True,
    ("edge.test", "{}?a=1", "http://EDGE.test:80{}?a=1"): True,
    ("ignore.test", "{}?a=1", "{}?b=2"): True,
    ("ignore.test", "{}?a=1", "{}"): True,
    ("ignore.test", "{}?", "{}"): True,
    ("ignore.test", "{}/a?a=1", "{}/b?a=1"): False,
    ("chosen.test", "{}?id=1&utm=a", "{}?utm=b&id=1"): True,
    ("chosen.test", "{}?id=1", "{}?id=2"): False,
    ("chosen.test", "{}?id=1&v=1", "{}?v=1&id=1"): False,
    ("chosen.test", "{}?id=1", "{}?ID=1"): False,
    ("chosen.test", "{}?id", "{}?id="): False,
    ("chosen.test", "{}?utm=a", "{}"): True,
    ("chosen.test", "{}?idx=1", "{}"): True,
    ("chosen.test", "{}?id=1", "{}?id=1&id=2"): False,
    ("chosen.test", "{}?id=1&&", "{}?&id=1"): True,
    # What an origin may take for a chosen one is no way to put an answer in the place of another's.
    ("chosen.test", "{}?i%64=2", "{}"): False,
    ("chosen.test", "{}?+id=2", "{}"): False,
    ("chosen.test", "{}?id[]=2", "{}"): False,
    ("chosen.test", "{}?utm=1;id=2", "{}"): False,
    ("chosen.test", "{}?utm[id]=2", "{}"): True,
    ("chosen.test", "{}?utm=id", "{}"): True,
    ("anycase.test", "{}?ID=2", "{}"): False,
    ("anycase.test", "{}?ID=2", "{}?id=2"): True,
    ("chosen.test", "{}?" + MANY + "&id=1", "{}?" + MANY + "&id=2"): False,
    ("sorted.test", "{}?a=1&b=2", "{}?b=2&a=1"): True,
    ("sorted.test", "{}?a=1&a=2", "{}?a=2&a=1"): False,
    ("sorted.test", "{}?a=1&b=2&a=3", "{}?b=2&a=1&a=3"): True,
    ("sorted.test", "{}?a=1", "{}?a=2"): False,
    ("both.test", "{}?v=1&x=2&id=3", "{}?id=3&v=1&y=4"): True,
    ("both.test", "{}?v=1&id=3", "{}?v=3&id=1"): False,
    ("case.test", "{}/A?B=C", "{}/a?b=c"): True,
    ("case.test", "{}/a", "{}/b"): False,
}


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    site = Site(make_once, RULES)
    # The body tells which target it was pulled with, so that a wrong share is seen.
    site.origin.default = lambda request: says(FRESH, body=request.target.encode())
    return site


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        host, first, second = row
        path = site.path()
        targets = [target.replace("{}", path) for target in (first, second)]
        return [site.get(target, host=host) for target in targets], len(site.pulls(path))

    return side_by_side(run, TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: " - ".join(row)[:80])
def test_urls_are_one_object_where_the_rules_say_so(results, row):
    (first, second), _ = results[row]
    assert word(first) == "MISS"
    if TABLE[row]:
        assert (word(second), second.body) == ("HIT", first.body)
    else:
        assert word(second) == "MISS" and second.body != first.body


@pytest.mark.parametrize("host", ["EDGE.test", "edge.test:80", "edge.test:8080", "edge.TEST."])
def test_the_host_is_compared_as_it_is_routed(site, host):
    path = site.path()
    first = site.get(path)
    response = site.get(path, host=host)
    if response.status == 421:
        return  # a name with a dot at its end may be another one, as long as nothing is shared
    assert (word(first), word(response)) == ("MISS", "HIT")


def test_hosts_of_a_wildcard_share_nothing(site):
    path = site.path()
    for _ in range(2):
        words = [word(site.get(path, host=f"{name}.wild.test")) for name in ("a", "b")]
    assert words == ["HIT", "HIT"] and len(site.pulls(path)) == 2


def test_domains_share_nothing(site):
    path = site.path()
    assert [word(site.get(path, host=host)) for host in ("edge.test", "sorted.test", "case.test")] == ["MISS"] * 3


@pytest.mark.parametrize("line", ["X-Forwarded-Host: evil.test", "X-Forwarded-Port: 1", "X-Forwarded-Scheme: nothttps",
                                  "X_Forwarded_Server: evil.test", "X-HTTP-Method-Override: POST", "X-HTTP-Method: PUT",
                                  "X-Method-Override: HEAD", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
                                  "X_Rewrite_URL: /admin", "X-Host: evil.test", "Forwarded: host=evil.test"])  # fmt: skip
def test_what_is_no_part_of_the_key_does_not_make_the_answer(site, line):
    """RFC 9111 4: servers take such fields for another method, URL or host, and what they answer is stored for this one."""
    path, (name, _, value) = site.path(), line.partition(": ")
    site.origin.on(path, lambda request: says(FRESH, body=repr(request.fields.get(name)).encode()))
    assert value not in site.get(path, line).body.decode()
    assert word(site.get(path)) == "HIT"


def test_a_field_that_overrides_the_method_reaches_the_origin_with_a_write(site):
    path = site.path()
    site.ask("POST", path, "X-HTTP-Method-Override: PATCH", body=b"x")
    assert site.pulls(path)[0].fields.get("X-HTTP-Method-Override") == "PATCH"


def test_the_origin_gets_the_whole_query(site):
    path = site.path()
    site.get(f"{path}?utm=a&id=1", host="chosen.test")
    assert site.pulls(path)[0].target == f"{path}?utm=a&id=1"


def test_a_change_of_the_rules_leaves_nothing_wrong_behind(make):
    """What was one object by the old rules is not given to those who are told apart by the new ones."""
    site = Site(make, {"edge.test": {"cache": {"query": "ignore"}}})
    site.origin.default = lambda request: says(FRESH, body=request.target.encode())
    assert site.get("/a?x=1").body == b"/a?x=1"
    assert site.get("/a?x=2").body == b"/a?x=1"
    lines = len(site.server.lines)
    site.server.write_domains([domain(site.origin)])
    site.server.wait_line("domains", since=lines)
    assert site.get("/a?x=2").body == b"/a?x=2"
