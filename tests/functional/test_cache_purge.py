"""Purges: every kind, hard and soft, in effect for the very next request, and for good."""
import os
import signal
import threading

import program
import pytest
from caching import FRESH, STALE, Site, at_once, purge, read_until, says, versioned, wait_until, word
from domains import domain, origin_of
from origin import Generated, Reply
from program import is_sanitized

RESTART = 8.0 if is_sanitized() else 3.0
RULES = {"edge.test": {}, "other.test": {}, "ignore.test": {"cache": {"query": "ignore"}}, "*.wild.test": {}}
KINDS = {
    "url": lambda host, path: dict(what="url", values=[f"http://{host}{path}"]),
    "prefix": lambda host, path: dict(what="prefix", values=[f"http://{host}{path}"]),
    "tag": lambda host, path: dict(what="tag", values=["t" + path.strip("/").replace("/", "-")], of=host),
    "domain": lambda host, path: dict(what="domain", values=[host]),
}


def purge_kind(server, kind, host, path, mode="hard"):
    asked = KINDS[kind](host, path)
    return purge(server, asked["what"], *asked["values"], mode=mode, of=asked.get("of"))


def tagged(request):
    """An object that knows its own tag, its version and its number."""
    tag = "t" + request.path.strip("/").replace("/", "-")
    return says(FRESH, 'ETag: "a"', f"Cache-Tag: {tag}, all", body=str(request.number).encode())


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    site = Site(make_once, RULES, workers=2)
    site.origin.default = tagged
    return site


@pytest.mark.parametrize("kind", KINDS)
def test_a_hard_purge_leaves_nothing(site, kind):
    path, other = site.path(), site.path()
    first = site.get(path)
    site.get(path, host="other.test")
    site.get(other)
    purge_kind(site.server, kind, "edge.test", path)
    response = site.get(path)
    assert word(response) == "MISS" and response.body != first.body
    assert "If-None-Match" not in site.pulls(path)[-1].fields
    assert word(site.get(path)) == "HIT"
    assert word(site.get(path, host="other.test")) == "HIT"
    assert word(site.get(other)) == ("MISS" if kind == "domain" else "HIT")


@pytest.mark.parametrize("kind", KINDS)
def test_a_hard_purge_leaves_nothing_to_stand_in(site, kind):
    path = site.path()
    site.get(path)
    purge_kind(site.server, kind, "edge.test", path)
    site.says(path, status=503, body=b"down")
    assert site.get(path).body == b"down"


@pytest.mark.parametrize("kind", KINDS)
def test_a_soft_purge_makes_stale(site, kind):
    path = site.path()
    site.origin.on(path, lambda request: versioned('"a"', FRESH, "Cache-Tag: t" + path.strip("/"), not_modified=[FRESH],
                                                   body=b"body")(request))  # fmt: skip
    site.get(path)
    purge_kind(site.server, kind, "edge.test", path, "soft")
    response = site.get(path)
    assert (word(response), response.body) == ("REVALIDATED", b"body")
    assert site.pulls(path)[-1].fields.get("If-None-Match") == '"a"'
    assert word(site.get(path)) == "HIT"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_purged_softly_stands_in_for_a_failure(site, kind):
    path = site.path()
    first = site.get(path)
    purge_kind(site.server, kind, "edge.test", path, "soft")
    site.says(path, status=503, body=b"down")
    response = site.get(path)
    assert (word(response), response.body) == ("STALE", first.body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_all_variants_are_meant(site, kind, mode):
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Vary: X-Kind", "Cache-Tag: t" + path.strip("/"),
                                              body=str(request.number).encode()))  # fmt: skip
    before = [site.get(path, f"X-Kind: {kind}").body for kind in "abc"]
    assert [word(site.get(path, f"X-Kind: {kind}")) for kind in "abc"] == ["HIT"] * 3
    purge_kind(site.server, kind, "edge.test", path, mode)
    after = [site.get(path, f"X-Kind: {kind}") for kind in "abc"]
    assert {word(response) for response in after} == {"MISS"}
    assert not set(before) & {response.body for response in after}
    assert [word(site.get(path, f"X-Kind: {kind}")) for kind in "abc"] == ["HIT"] * 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_the_very_next_request_sees_it(site, kind, mode):
    """On every worker: each request comes on a connection of its own."""
    path = site.path()
    site.get(path)
    for _ in range(8):
        newest = len(site.origin.requests)
        purge_kind(site.server, kind, "edge.test", path, mode)
        response = site.get(path)
        assert int(response.body) >= newest
        assert site.get(path).body == response.body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["hard", "soft"])
def test_a_pull_that_began_before_is_not_remembered(site, kind, mode):
    path = site.path()
    site.origin.on(path, lambda request: says(FRESH, "Cache-Tag: t" + path.strip("/"), body=b"before", delay=0.4))
    got = []
    slow = threading.Thread(target=lambda: got.append(site.get(path)))
    slow.start()
    wait_until(lambda: site.pulls(path), "the pull")
    purge_kind(site.server, kind, "edge.test", path, mode)
    site.says(path, FRESH, "Cache-Tag: t" + path.strip("/"), body=b"after")
    # Who asks after the purge does not wait for the pull that began before it.
    assert site.get(path).body == b"after"
    slow.join()
    assert got[0].status == 200
    assert (site.get(path).body, word(site.get(path))) == (b"after", "HIT")


@pytest.mark.parametrize("kind", KINDS)
def test_a_pull_that_began_before_is_not_remembered_though_its_body_came_after(site, kind):
    path = site.path()
    site.says(path, FRESH, "Cache-Tag: t" + path.strip("/"), body=Generated("p", 200_000), drip="body",
              drip_bytes=65536, drip_s=0.15)  # fmt: skip
    with site.server.connect() as connection:
        connection.request(target=path)
        read_until(connection, 1000)
        purge_kind(site.server, kind, "edge.test", path)
        assert connection.response(timeout=10).size == 200_000
    assert not site.is_kept(path)


def test_a_prefix_is_a_beginning_of_the_url(site):
    base = site.path()
    names = ["/img/a", "/img/b/c", "/img/", "/img", "/img2", "/imx", "/img/a?b"]
    for name in names:
        site.get(base + name)
    purge(site.server, "prefix", f"http://edge.test{base}/img/")
    gone = [name for name in names if not site.is_kept(base + name)]
    assert gone == ["/img/a", "/img/b/c", "/img/", "/img/a?b"]


def test_a_url_has_its_query(site):
    path = site.path()
    for target in (path, f"{path}?a", f"{path}?b"):
        site.get(target)
    purge(site.server, "url", f"http://edge.test{path}?a")
    assert [site.is_kept(target) for target in (path, f"{path}?a", f"{path}?b")] == [True, False, True]


@pytest.mark.parametrize("url", ["https://edge.test{}", "http://EDGE.test{}", "http://edge.test:8443{}"])
def test_scheme_and_port_make_no_difference(site, url):
    path = site.path()
    site.get(path)
    purge(site.server, "url", url.replace("{}", path))
    assert not site.is_kept(path)


def test_the_rules_of_the_key_hold(site):
    path = site.path()
    site.get(f"{path}?a=1", host="ignore.test")
    purge(site.server, "url", f"http://ignore.test{path}?b=2")
    assert not site.is_kept(path, host="ignore.test")


def test_a_wildcard_domain_is_purged_as_a_whole(site):
    path = site.path()
    for host in ("a.wild.test", "b.wild.test"):
        site.get(path, host=host)
    purge(site.server, "url", f"http://a.wild.test{path}")
    assert [site.is_kept(path, host=host) for host in ("a.wild.test", "b.wild.test")] == [False, True]
    site.get(path, host="a.wild.test")
    purge(site.server, "domain", "*.wild.test")
    assert [site.is_kept(path, host=host) for host in ("a.wild.test", "b.wild.test")] == [False, False]


TAGS = {
    "Cache-Tag, one of a list": (["Cache-Tag: one, two,three"], "two", True),
    "Cache-Tag, of two lines": (["Cache-Tag: one", "Cache-Tag: two"], "two", True),
    "Surrogate-Key, one of several": (["Surrogate-Key: one two three"], "two", True),
    "both fields": (["Cache-Tag: one", "Surrogate-Key: two"], "two", True),
    "a part of a tag": (["Cache-Tag: twofold"], "two", False),
    "another case": (["Cache-Tag: Two"], "two", None),
    "no tag": ([], "two", False),
}


@pytest.mark.parametrize("name", TAGS)
def test_a_tag_is_one_of_those_that_the_response_had(site, name):
    lines, tag, is_gone = TAGS[name]
    path = site.path()
    site.says(path, FRESH, *lines)
    site.get(path)
    site.get(path, host="other.test")
    purge(site.server, "tag", tag, of="edge.test")
    if is_gone is not None:
        assert site.is_kept(path) != is_gone
    assert site.is_kept(path, host="other.test")


def test_a_304_brings_new_tags(site):
    path = site.path()
    site.says(path, *STALE, 'ETag: "a"', "Cache-Tag: before", body=b"x")
    site.get(path)
    site.says(path, FRESH, 'ETag: "a"', "Cache-Tag: after", status=304)
    assert word(site.get(path)) == "REVALIDATED"
    purge(site.server, "tag", "after", of="edge.test")
    assert not site.is_kept(path)


def test_what_is_remembered_afterwards_stays(site):
    """A mark hits what was there before it, not what came later."""
    paths = [site.path() for _ in range(20)]
    for kind in KINDS:
        for path in paths:
            site.get(path)
        purge_kind(site.server, kind, "edge.test", paths[0])
        for path in paths:
            site.get(path)
        assert [word(site.get(path)) for path in paths] == ["HIT"] * 20


def test_many_values_at_once(site):
    paths = [site.path() for _ in range(128)]
    for path in paths:
        site.get(path)
    assert purge(site.server, "url", *[f"http://edge.test{path}" for path in paths]) == 128
    assert not any(site.is_kept(path) for path in paths[::8])


def test_more_prefixes_than_have_a_mark(site):
    """Past 64 of them the whole domain is purged: more, never less."""
    paths = [f"{site.path()}/a" for _ in range(100)]
    for path in paths:
        site.get(path)
    for path in paths:
        purge(site.server, "prefix", f"http://edge.test{path[:-1]}")
    assert not any(site.is_kept(path) for path in paths)
    site.get(paths[0])
    assert site.is_kept(paths[0])


def test_more_urls_than_are_remembered_meanwhile(site):
    """A pull that began before 4,096 other purges does not know whether it was meant: it is not remembered."""
    path = site.path()
    site.says(path, FRESH, body=b"before", delay=0.9)
    got = []
    slow = threading.Thread(target=lambda: got.append(site.get(path)))
    slow.start()
    wait_until(lambda: site.pulls(path), "the pull")
    purge(site.server, "url", f"http://edge.test{path}")
    for at in range(0, 4200, 120):
        purge(site.server, "url", *[f"http://edge.test/none{number}" for number in range(at, at + 120)])
    slow.join()
    assert got[0].body == b"before" and not site.is_kept(path)


def test_purges_and_pulls_at_once_never_give_what_is_old(site):
    """A version is published, then the one before it purged: who asks after that gets it or a later one."""
    path = site.path()
    version = {"published": 0, "purged": 0}
    site.origin.on(path, lambda request: says(FRESH, body=str(version["published"]).encode(), delay=0.01))
    ended, wrong = threading.Event(), []

    def ask():
        while not ended.is_set():
            least = version["purged"]
            got = int(site.get(path).body)
            if got < least:
                wrong.append((got, least))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        version["published"] = number
        purge(site.server, "url", f"http://edge.test{path}")
        version["purged"] = number
    ended.set()
    for thread in threads:
        thread.join(10)
    assert not wrong, wrong[:5]


COMMANDS = {
    "url": ["http://edge.test{}"],
    "prefix": ["--prefix", "http://edge.test{}"],
    "tag": ["--tag", "t{}", "--domain", "edge.test"],
    "domain": ["--domain", "edge.test"],
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_command_does_it(site, kind):
    path = site.path()
    site.get(path)
    words = [text.replace("{}", path if "http" in text else path.strip("/")) for text in COMMANDS[kind]]
    code, _, errors = program.run("purge", "--socket", site.server.folder / "state" / "edge.socket", *words)
    assert code == 0, errors
    assert not site.is_kept(path)


DEATHS = [(kind, mode) for kind in KINDS for mode in ("hard", "soft")]


@pytest.fixture(scope="module", name="deaths")
def _deaths(make_once, side_by_side):
    def run(row):
        kind, mode = row
        site = Site(make_once, RULES)
        site.origin.default = tagged
        site.server.is_broken_fine = True
        path, bystander = site.path(), site.path()
        before = [site.get(target, host=host).body for target, host in ((path, "edge.test"), (bystander, "other.test"))]
        (pid,) = site.server.edge_pids()
        purge_kind(site.server, kind, "edge.test", path, mode)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: site.server.edge_pids() not in ([], [pid]), "a new edge", RESTART)
        is_kept = site.is_kept(path)
        after = [site.get(target, host=host) for target, host in ((path, "edge.test"), (bystander, "other.test"))]
        return before, is_kept, after

    return side_by_side(run, DEATHS)


@pytest.mark.parametrize("row", DEATHS, ids=" ".join)
def test_an_edge_that_dies_right_after_a_purge_does_not_bring_it_back(deaths, row):
    before, is_kept, (purged, bystander) = deaths[row]
    assert not is_kept
    assert word(purged) == "MISS" and purged.body != before[0]
    assert (word(bystander), bystander.body) == ("HIT", before[1])


@pytest.mark.parametrize("kind", ["prefix", "tag", "domain"])
def test_a_purge_reaches_all_of_a_host_that_came_to_a_domain_of_its_own(make, kind):
    """What the domain with the wildcard has answered for the host is not there any more."""
    site = Site(make, {"*.wild.test": {}})
    site.origin.default = tagged
    host, path = "a.wild.test", site.path()
    before = site.get(path, host=host)
    site.get(path, host="b.wild.test")
    since = len(site.server.lines)
    site.server.write_domains([*site.domains, domain(origin_of(site.origin), name=host)])
    site.server.wait_line("domains:", since=since)
    wait_until(lambda: not site.is_kept(path, host=host), "the new domain", RESTART)
    assert site.get(path, host=host).body != before.body and site.is_kept(path, host=host)
    purge_kind(site.server, kind, host, path)
    assert not site.is_kept(path, host=host) and site.is_kept(path, host="b.wild.test")


def test_an_edge_that_is_replaced_keeps_its_purges(make):
    """The old edge ends its pulls while the new one serves; what it pulled before the purge, neither remembers."""
    site = Site(make, RULES)
    site.origin.default = tagged
    slow_path, path = site.path(), site.path()
    site.get(path)
    site.says(slow_path, FRESH, body=b"before", delay=0.9)
    got = []
    slow = threading.Thread(target=lambda: got.append(site.get(slow_path)))
    slow.start()
    wait_until(lambda: site.pulls(slow_path), "the pull")
    before = site.server.edge_pids()
    site.server.signal(signal.SIGHUP)
    wait_until(lambda: set(site.server.edge_pids()) - set(before), "a new edge", RESTART)
    for target in (path, slow_path):
        purge(site.server, "url", f"http://edge.test{target}")
    assert not site.is_kept(path)
    slow.join()
    wait_until(lambda: not set(site.server.edge_pids()) & set(before), "the old edge's end", RESTART)
    assert got[0].body == b"before" and not site.is_kept(slow_path) and not site.is_kept(path)


def test_a_crowd_around_a_purge_is_right_on_both_sides(make):
    site = Site(make, workers=2)
    version = [b"old"]
    site.origin.on("/a", lambda request: Reply(fields=says(FRESH).fields, body=version[0], delay=0.4))
    first = [threading.Thread(target=site.get, args=("/a",)) for _ in range(10)]
    for thread in first:
        thread.start()
    site.origin.wait(1)
    version[0] = b"new"
    purge(site.server, "url", "http://edge.test/a")
    assert {response.body for response in at_once(site.server, 20, "/a")} == {b"new"}
    for thread in first:
        thread.join()
    assert site.get("/a").body == b"new" and len(site.pulls("/a")) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_crowd_behind_a_purge_costs_one_pull_while_the_old_one_goes_on(make, kind):
    """Whatever purged it: what was purged is in nobody's way."""
    site = Site(make, workers=2)
    body = b"o" * 60_000
    tag = "t" + "/a".strip("/")
    site.says("/a", FRESH, f"Cache-Tag: {tag}", body=body, drip="body", drip_bytes=10_000, drip_s=0.8)
    with site.server.connect() as early:
        early.request(target="/a")
        read_until(early, 10_000)
        site.says("/a", FRESH, f"Cache-Tag: {tag}", body=b"new", delay=0.3)
        purge_kind(site.server, kind, "edge.test", "/a")
        assert {response.body for response in at_once(site.server, 20, "/a")} == {b"new"}
        assert len(site.pulls("/a")) == 2
        assert early.response().body == body
    assert site.get("/a").body == b"new"
