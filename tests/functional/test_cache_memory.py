"""The memory of the cache outlives the edges that use it, and gives way to a fresh one when it may be what kills them."""
import json
import os
import signal
import time

import pytest
from domains import domain
from program import is_sanitized

PATIENCE = 20.0 if is_sanitized() else 5.0


def memories(pid):
    """Which memories of a cache a process holds, by their inodes."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        try:
            if os.readlink(path).startswith("/memfd:headwater-cache"):
                found.add(os.stat(path).st_ino)
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def held_by_edges(server):
    """What each edge holds; of one that has ended meanwhile, nothing."""
    held = []
    for pid in server.edge_pids():
        try:
            held.append(memories(pid))
        except FileNotFoundError:
            pass
    return held


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_for_edge(server, before):
    """Waits for an edge that is none of those before, and for their end; returns its pid."""
    seen = []

    def look():
        seen[:] = server.edge_pids()
        return len(seen) == 1 and not before & set(seen)

    wait_until(look)
    return seen[0]


def kill(server):
    server.is_broken_fine = True
    before = set(server.edge_pids())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    pid = wait_for_edge(server, before)
    assert server.get(timeout=PATIENCE).status == 200
    return pid


def upgrade(server):
    before, lines = set(server.edge_pids()), len(server.lines)
    server.signal(signal.SIGHUP)
    pid = wait_for_edge(server, before)
    server.wait_line("upgraded to version", PATIENCE, since=lines)
    return pid


@pytest.fixture
def configured(make, origin):
    """A server whose file of settings can be written anew."""
    path = make.inside("config") / "headwater.yaml"

    def write(**settings):
        path.write_text(json.dumps(settings))

    write(cache_memory="16m")
    server = make.headwater([domain(origin)], ["--config", str(path)])
    server.write_settings = write
    return server


def test_every_edge_gets_the_same_memory(make, origin):
    server = make.headwater([domain(origin)])
    held = memories(server.process.pid)
    assert len(held) == 1
    assert memories(*server.edge_pids()) == held
    assert memories(upgrade(server)) == held
    assert memories(kill(server)) == held
    assert memories(upgrade(server)) == held
    assert memories(server.process.pid) == held


def test_an_edge_alone_has_a_memory_of_its_own(make, origin):
    server = make.headwater([domain(origin)], command="edge")
    assert len(memories(server.process.pid)) == 1


def test_without_a_cache_there_is_no_memory(make, origin):
    server = make.headwater([domain(origin)], {"cache_memory": "0"})
    assert memories(server.process.pid) == memories(*server.edge_pids()) == set()
    assert server.get().status == 200


def test_a_memory_in_which_edges_die_young_is_replaced(make, origin):
    server = make.headwater([domain(origin)])
    held = memories(server.process.pid)
    assert memories(kill(server)) == held
    assert not any("fresh cache memory" in line for line in server.lines)
    fresh = memories(kill(server))
    server.wait_line("died 2 times in a row within 10 s of their start; the next one gets a fresh cache memory")
    assert len(fresh) == 1 and fresh != held
    assert memories(server.process.pid) == fresh
    # From here it is counted anew.
    assert memories(kill(server)) == fresh


@pytest.mark.parametrize("settings, name", [
    ({"cache_memory": "32m"}, "cache_memory"),
    ({"cache_memory": "16m", "cache_objects": 1000}, "cache_objects"),
])  # fmt: skip
def test_another_form_takes_a_restart(configured, settings, name):
    held = memories(configured.process.pid)
    configured.write_settings(**settings)
    assert memories(upgrade(configured)) == held
    configured.wait_line(f"a new value of {name} takes a restart")
    # The next one is asked again, and gets the same.
    assert memories(kill(configured)) == held
    configured.write_settings(cache_memory="16m")
    upgrade(configured)
    assert memories(kill(configured)) == held
    assert len([line for line in configured.lines if "takes a restart" in line]) == 1


def test_a_cache_is_switched_off_and_on_without_a_restart(configured):
    held = memories(configured.process.pid)
    configured.write_settings(cache_memory="0")
    assert memories(upgrade(configured)) == set()
    wait_until(lambda: memories(configured.process.pid) == set())
    configured.write_settings(cache_memory="16m")
    upgrade(configured)
    # The one that begins with no memory is followed by one that has the supervisor's.
    wait_until(lambda: memories(configured.process.pid))
    kept = memories(configured.process.pid)
    assert len(kept) == 1 and kept != held
    wait_until(lambda: held_by_edges(configured) == [kept])
    assert memories(upgrade(configured)) == memories(kill(configured)) == kept
    assert not any("takes a restart" in line for line in configured.lines)
