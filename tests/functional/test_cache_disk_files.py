"""The files of the cache's disks: opened once, handed from process to process, and never why nothing is served."""
import json
import os
import signal

import pytest
from domains import domain
from test_cache_memory import kill, memories, upgrade

MIB = 1 << 20


def holds(pid, path):
    """How many descriptors of the file a process has."""
    return sum(os.path.exists(link) and os.readlink(link) == str(path)
               for link in (f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")))  # fmt: skip


@pytest.fixture(name="path")
def _path(make):
    path = make.inside("disks") / "disk"
    path.parent.chmod(0o777)  # for an edge that is another user
    return path


def with_disks(make, origin, *disks, **options):
    flags = ["--cache-memory", "16m", *(part for disk in disks for part in ("--cache-disks", disk))]
    return make.headwater([domain(origin)], flags, **options)


def test_every_edge_is_handed_the_same_disks(make, origin, path):
    server = with_disks(make, origin, f"{path}:64m", f"{path}2:65m")
    assert server.get().status == 200
    assert path.stat().st_size == 64 * MIB and path.stat().st_blocks * 512 >= 64 * MIB
    assert path.stat().st_mode & 0o777 == 0o600
    held = memories(server.process.pid)
    for restart in (upgrade, kill, upgrade):
        (edge,) = server.edge_pids()
        for file in (path, f"{path}2"):
            assert holds(server.process.pid, file) >= 1 and holds(edge, file) >= 1
        restart(server)
        assert server.get().status == 200
    assert memories(server.process.pid) == held
    assert not any(words in line for line in server.lines for words in ("goes on without", "given up", "restart"))


def test_an_edge_alone_opens_them_itself(make, origin, path):
    server = with_disks(make, origin, f"{path}:64m", command="edge")
    assert server.get().status == 200
    assert holds(server.process.pid, path) >= 1


def test_disks_go_on_with_a_fresh_memory(make, origin, path):
    server = with_disks(make, origin, f"{path}:64m")
    held = memories(server.process.pid)
    kill(server)
    edge = kill(server)
    server.wait_line("the next one gets a fresh cache memory")
    assert memories(server.process.pid) != held
    assert holds(server.process.pid, path) >= 1 and holds(edge, path) >= 1
    assert not any("goes on without" in line for line in server.lines)


@pytest.mark.parametrize("kind, words", [
    ("missing", "No such file or directory"),
    ("folder", "no file or block device"),
    ("foreign", "no file or block device"),
])  # fmt: skip
def test_a_disk_that_cannot_be_had_is_told_and_left_out(make, origin, path, kind, words):
    bad = path.parent / "bad"
    if kind == "missing":
        bad = path.parent / "nowhere" / "bad"
    elif kind == "folder":
        bad.mkdir()
    else:
        bad.write_bytes(b"an operator's letter")
    server = with_disks(make, origin, f"{bad}:64m", f"{path}:64m")
    server.wait_line(f"the cache goes on without its disk {bad}: ")
    assert any(f"its disk {bad}: " in line and words in line for line in server.lines)
    assert server.get().status == 200
    assert holds(server.process.pid, path) >= 1
    if kind == "foreign":
        assert bad.read_bytes() == b"an operator's letter"


def test_a_disk_has_one_cache(make, origin, path):
    first = with_disks(make, origin, f"{path}:64m")
    second = with_disks(make, origin, f"{path}:64m")
    second.wait_line(f"the cache goes on without its disk {path}: it is in use")
    assert first.get().status == second.get().status == 200
    assert holds(second.process.pid, path) == 0


def test_other_disks_take_a_restart(make, origin, path):
    settings = path.parent / "headwater.yaml"
    settings.write_text(json.dumps({"cache_memory": "16m", "cache_disks": [f"{path}:64m"]}))
    server = make.headwater([domain(origin)], ["--config", str(settings)])
    held = memories(server.process.pid)
    upgrade(server)
    settings.write_text(json.dumps({"cache_memory": "16m", "cache_disks": [f"{path}:65m"]}))
    edge = upgrade(server)
    server.wait_line("cache_disks are not the disks that are in use; that takes a restart")
    assert memories(server.process.pid) == memories(edge) == held
    assert holds(edge, path) >= 1 and path.stat().st_size == 64 * MIB
    server.signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    server = make.headwater([domain(origin)], ["--config", str(settings)])
    assert path.stat().st_size == 65 * MIB
    assert not any("in use" in line for line in server.lines)
