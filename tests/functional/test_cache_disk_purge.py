"""What was purged, invalidated or replaced never comes back from a disk, whatever dies right after the answer."""
import json

import pytest
from caching import Site, purge, says, wait_until, word
from shelf import DISK, RESTART, Shelf, answer, kill, terminate
from test_cache_memory import kill as kill_edge
from test_cache_memory import upgrade

KINDS = {
    "url": lambda host: (["http://{}/gone/0", "http://{}/gone/5"], None),
    "prefix": lambda host: (["http://{}/gone/"], None),
    "domain": lambda host: (["{}"], None),
    "tag": lambda host: (["gone"], host),
}
HOSTS = {f"{kind}-{mode}.test": (kind, mode) for kind in KINDS for mode in ("hard", "soft")}
GONE, STAYS = ("/gone/0", "/gone/5"), "/stays/0"


def assert_purged(site):
    for host, (kind, _) in HOSTS.items():
        for path in GONE:
            assert not site.is_kept(path, host=host), f"{host}{path} is back"
        assert site.is_kept(STAYS, host=host) == (kind != "domain"), host
    for path in (*GONE, STAYS):
        assert site.is_kept(path, host="other.test")


@pytest.mark.parametrize("when", ["in memory and copied", "in memory alone", "away", "in a new memory"])
def test_what_was_purged_stays_away(make, when):
    """The machine dies right after the answers; then once more, after an end in order."""
    site = Shelf(make, rules={host: {} for host in (*HOSTS, "other.test")}, workers=2)

    def ask_all():
        return {word(site.get(path, host=host, keep=False)) for host in (*HOSTS, "other.test")
                for path in (*GONE, STAYS)}  # fmt: skip

    if when == "in memory alone":
        # What is found afterwards must have been copied.
        for path in (*GONE, STAYS):
            for host in HOSTS if path == STAYS else ():
                site.get(path, host=host, keep=False)
            site.get(path, host="other.test", keep=False)
        site.rest()
    ask_all()
    if when == "in memory and copied":
        site.rest()
    elif when != "in memory alone":
        site.restart(terminate)
    if when == "in a new memory":
        assert ask_all() == {"HIT"}
    for host, (kind, mode) in HOSTS.items():
        values, of = KINDS[kind](host)
        purge(site.server, kind, *[value.format(host) for value in values], mode=mode, of=of)
    site.restart(kill)
    assert_purged(site)
    site.restart(terminate)
    assert_purged(site)
    for host, (_, mode) in HOSTS.items():
        # What was purged softly may still be validated, where it was copied.
        response = site.get("/gone/0", host=host)
        assert word(response) != "HIT" and (mode == "soft" or "If-None-Match" not in site.origin.requests[-1].fields)
        if mode == "soft" and when != "in memory alone":
            assert site.origin.requests[-1].fields.get("If-None-Match") == '"/gone/0"'


def test_a_purge_while_the_disk_is_read(make):
    site = Shelf(make, workers=2)
    paths = [f"/{number}" for number in range(32)]
    site.fill(paths)
    site.server.stop()
    for count in range(4):
        site.server.start()
        for path in paths[count * 4 : count * 4 + 4]:
            purge(site.server, "url", f"http://edge.test{path}")
        site.server.kill()
    site.restart(kill)
    assert [site.is_kept(path) for path in paths] == [False] * 16 + [True] * 16


def purge_soon(site, url):
    """Asks until the answer is that it was done."""

    def ask():
        try:
            purge(site.server, "url", url)
        except (AssertionError, ValueError, OSError):
            return False
        return True

    wait_until(ask, "a purge that is acknowledged", RESTART)


def test_a_purge_before_the_disks_are_in_use_again(make):
    """The edge that is told to remember where there was no memory makes one for itself, without the disks: the answer
    to a purge waits for one that has them."""
    folder = make.inside("disks")
    path = folder / "headwater.yaml"
    settings = {"cache_memory": "16m", "cache_disks": [f"{folder}/0:{DISK}"]}
    path.write_text(json.dumps(settings))
    site = Site(make, flags=["--config", str(path)])
    site.origin.default = answer
    site.says("/")
    for number in range(3):
        site.get(f"/{number}")
    site.server.stop()
    site.server.start()
    path.write_text(json.dumps({"cache_memory": "0"}))
    upgrade(site.server)
    assert word(site.get("/0")) == "PASS"
    path.write_text(json.dumps(settings))
    upgrade(site.server)
    purge_soon(site, "http://edge.test/0")
    kill_edge(site.server)
    wait_until(lambda: site.is_kept("/2"), "what is on the disk", RESTART)
    assert not site.is_kept("/0")
    purge_soon(site, "http://edge.test/1")
    site.server.stop()
    site.server.start()
    wait_until(lambda: site.is_kept("/2"), "what is on the disk", RESTART)
    assert not site.is_kept("/0") and not site.is_kept("/1")


def test_what_a_write_made_invalid_stays_away(make):
    site = Shelf(make)
    site.fill(["/0", "/8"])
    site.rest()
    site.says("/0", status=204)
    assert site.ask("POST", "/0", body=b"x").status == 204
    site.origin.on("/0", answer)
    site.restart(kill)
    assert not site.is_kept("/0") and site.is_kept("/8")


def test_what_was_replaced_does_not_come_back(make):
    site = Shelf(make)
    for number in range(3):
        site.says("/a", "Cache-Control: max-age=1000", f'ETag: "{number}"', body=str(number).encode())
        site.get("/a", "Cache-Control: no-cache")
        purge(site.server, "url", "http://edge.test/a")
        site.get("/a")
        site.rest()
        site.restart(kill)
        assert site.get("/a").body == str(number).encode()
