"""What is remembered outlives every edge: an upgrade and a crash cost no pull."""
import hashlib
import os
import signal
import threading

import content
import pytest
from caching import FRESH, STALE, Site, says, wait_until, word
from domains import domain
from load import Load
from origin import Generated
from program import is_sanitized

RESTART = 8.0 if is_sanitized() else 3.0
SIZES = {"/empty": 0, "/one": 1, "/inline": 65536, "/pieces": 65537, "/large": 3 << 20}


def remember(site):
    """Objects of every form, and what each must be like ever after."""
    for path, size in SIZES.items():
        site.says(path, FRESH, 'ETag: "a"', "X-Kept: yes", body=Generated(path, size))
        site.get(path, keep=False)
    site.origin.on("/vary", lambda request: says(FRESH, "Vary: X-Kind", body=request.fields.get("X-Kind").encode()))
    for kind in "ab":
        site.get("/vary", f"X-Kind: {kind}")
    site.says("/stale", *STALE, 'ETag: "s"', body=b"stale")
    site.get("/stale")
    site.says("/stale", FRESH, 'ETag: "s"', status=304)


def assert_remembered(site, timeout=RESTART):
    pulls = len(site.origin.requests)
    for path, size in SIZES.items():
        response = site.get(path, keep=False, timeout=timeout)
        assert (word(response), response.digest) == ("HIT", content.digest(path, size))
        assert response.fields.get("X-Kept") == "yes"
    for kind in "ab":
        response = site.get("/vary", f"X-Kind: {kind}")
        assert (word(response), response.body) == ("HIT", kind.encode())
    assert len(site.origin.requests) == pulls


def upgrade(site):
    before = set(site.server.edge_pids())
    site.server.signal(signal.SIGHUP)
    wait_until(lambda: not before & set(site.server.edge_pids()), "the old edge's end", RESTART)


def kill(site):
    """Once for each site: a second death in a row would cost the memory, which may be its reason."""
    (pid,) = site.server.edge_pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: site.server.edge_pids() not in ([], [pid]), "a new edge", RESTART)


WAYS = {"an upgrade": upgrade, "a crash": kill}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_pulled_again_after(make, way):
    site = Site(make, workers=2)
    site.server.is_broken_fine = True
    remember(site)
    WAYS[way](site)
    assert_remembered(site)
    response = site.get("/stale")
    assert (word(response), response.body) == ("REVALIDATED", b"stale")
    site.origin.down()
    assert_remembered(site)


@pytest.mark.parametrize("way", WAYS)
def test_the_new_edge_remembers_as_the_old_one_did(make, way):
    site = Site(make)
    site.server.is_broken_fine = True
    WAYS[way](site)
    remember(site)
    assert_remembered(site)
    upgrade(site)
    assert_remembered(site)


def test_a_domain_that_gets_other_origins_keeps_what_is_remembered(make):
    """origin-pull.md section 5: cached objects stay valid."""
    site = Site(make)
    remember(site)
    other = make.origin("other")
    other.default = says(FRESH, body=b"other")
    since = len(site.server.lines)
    site.server.write_domains([domain(other)])
    site.server.wait_line("domains", since=since)
    assert site.get("/new").body == b"other"
    assert_remembered(site)


def test_an_upgrade_under_load_costs_no_pull(make):
    site = Site(make, workers=2)
    remember(site)
    pulls = len(site.origin.requests)
    digest = content.digest("/pieces", 65537)
    def expect(response):
        return word(response) == "HIT" and hashlib.sha256(response.body).hexdigest() == digest

    with Load(site.server.address, clients=4, target="/pieces", expect=expect) as load:
        upgrade(site)
    assert not load.failures, load.failures[:3]
    assert load.count > 0 and len(site.origin.requests) == pulls


def test_a_pull_that_the_old_edge_finishes_is_remembered_by_the_new_one(make):
    site = Site(make)
    site.says("/slow", FRESH, body=Generated("u", 300_000), drip="body", drip_bytes=65536, drip_s=0.3)
    got = []
    slow = threading.Thread(target=lambda: got.append(site.get("/slow", keep=False)))
    slow.start()
    site.origin.wait(1)
    upgrade(site)
    slow.join()
    assert got[0].digest == content.digest("u", 300_000)
    response = site.get("/slow", keep=False)
    assert (word(response), response.digest) == ("HIT", got[0].digest) and len(site.pulls("/slow")) == 1


def test_a_pull_that_a_crash_broke_is_never_taken_for_whole(make):
    site = Site(make)
    site.server.is_broken_fine = True
    size = 4 << 20
    site.says("/a", FRESH, body=Generated("k", size), drip="body", drip_bytes=65536, drip_s=0.03)
    with site.server.connect() as connection:
        connection.request(target="/a")
        wait_until(lambda: site.pulls("/a") and site.pulls("/a")[0].sent > 2 << 20, "half of it")
        kill(site)
    site.says("/a", FRESH, body=Generated("k", size))
    response = site.get("/a", keep=False, timeout=RESTART)
    assert (word(response), response.digest) == ("MISS", content.digest("k", size))
    assert word(site.get("/a", keep=False)) == "HIT"


def test_crashes_while_it_is_written_leave_only_what_is_right(make):
    """Each body tells which one it is; whatever is served afterwards must be that."""
    site = Site(make, workers=2)
    site.server.is_broken_fine = True
    sizes = [100, 5000, 66_000, 300_000]
    site.origin.default = lambda request: says(FRESH, body=Generated(request.path, sizes[int(request.path[1:]) % 4]))
    ended, wrong = threading.Event(), []

    def ask(number):
        at = number
        while not ended.is_set():
            at += 7
            path = f"/{at % 400}"
            try:
                response = site.get(path, keep=False, timeout=RESTART)
            except Exception:  # noqa: BLE001 - the edge is killed meanwhile
                continue
            if response.digest != content.digest(path, sizes[at % 400 % 4]):
                wrong.append((path, response))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(site.origin.requests) > 100, "a hundred pulls", 15)
    kill(site)
    ended.set()
    for thread in threads:
        thread.join(20)
    assert not wrong, wrong[:3]
    hits = 0
    for number in range(400):
        response = site.get(f"/{number}", keep=False)
        assert response.digest == content.digest(f"/{number}", sizes[number % 4])
        hits += word(response) == "HIT"
    assert hits > 0
