"""A database that is put back from a copy: edges that know more than it end as it says."""
import shutil

from caching import wait_until, word
from control import domain
from test_link_purges import get, purge, restart, served, wait_done

NAMES = [f"d{i}.test" for i in range(4)]


def copy(plane, to):
    """As an operator does it, while nobody writes."""
    to.mkdir()
    for path in plane.state.glob("headwater.*"):
        shutil.copy(path, to)


def put_back(plane, copied):
    for path in plane.state.glob("headwater.db*"):
        path.unlink()
    for path in copied.iterdir():
        shutil.copy(path, plane.state)


def serves(plane, name):
    """A domain of ours, whose origin is not there; or none."""
    return plane.program.get("/", host=name).status == 502


def test_an_edge_ends_as_the_copy_says_and_what_was_made_since(make, tmp_path):
    plane, _ = served(make)
    for name in NAMES[:2]:
        plane.admin.ok("createDomain", domain(name, "127.0.0.1:1"))
    wait_until(lambda: serves(plane, NAMES[1]), "the domains are live", 10)
    wait_done(plane, purge(plane))
    plane.program.stop()
    copy(plane, tmp_path / "copy")
    restart(plane)
    # What is made now will have been never: the third domain, a first one that is not there, purges.
    plane.admin.ok("createDomain", domain(NAMES[2], "127.0.0.1:1"))
    plane.admin.ok("deleteDomain", name=NAMES[0], fields={"If-Match": plane.admin.call("readDomain", name=NAMES[0]).etag})
    for _ in range(3):
        wait_done(plane, purge(plane))
    wait_until(lambda: serves(plane, NAMES[2]) and not serves(plane, NAMES[0]), "all is live", 10)
    plane.program.stop()
    put_back(plane, tmp_path / "copy")
    # Before the edge is asked, more is made than was lost.
    ledger = plane.state / "domains.ledger"
    kept = tmp_path / "ledger"
    shutil.move(ledger, kept)
    restart(plane)
    plane.admin.ok("createDomain", domain(NAMES[3], "127.0.0.1:1"))
    for i in range(4):
        plane.admin.ok("createDomain", domain(f"more{i}.test", "127.0.0.1:1"))
    for _ in range(4):
        wait_done(plane, purge(plane))
    plane.program.stop()
    shutil.move(kept, ledger)
    restart(plane)
    wait_until(lambda: serves(plane, NAMES[3]), "the new one is live", 10)
    assert [serves(plane, name) for name in NAMES] == [True, True, False, True]
    # It goes on from there.
    assert word(get(plane)) == "MISS"
    assert word(get(plane)) == "HIT"
    wait_done(plane, purge(plane))
    assert word(get(plane)) == "MISS"
