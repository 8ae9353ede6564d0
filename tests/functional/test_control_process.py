"""The control process below a supervisor: whatever becomes of it, traffic goes on, and it comes back."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import tempfile
import time

import program
import pytest
from control import Plane, domain, seed
from domains import domain as file_domain
from load import Load
from program import Headwater, binary, is_sanitized

RESTART = 10.0 if is_sanitized() else 2.0
LIVE = 5.0 if is_sanitized() else 1.0


def wait_until(condition, within, what):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.01)


def make_domain(plane, origin, name="edge.test"):
    plane.admin.ok("createDomain", domain(name, origin.address))


def wait_live(server, name, status=200):
    wait_until(lambda: server.get(host=name).status == status, LIVE, f"{status} for {name}")


@pytest.fixture(name="site")
def _site(make, origin):
    """A server whose domain came by the API."""
    plane = Plane(make, "serve", workers=2)
    make_domain(plane, origin)
    wait_live(plane.program, "edge.test")
    return plane


def kill_control(server):
    (pid,) = server.control_pids()
    os.kill(pid, signal.SIGKILL)
    return pid


def test_a_first_start_serves_nothing_until_it_is_told(make, origin):
    plane = Plane(make, "serve")
    early = plane.program.get(host="edge.test")
    assert early.status == 503 and early.error == "no_domains"
    make_domain(plane, origin)
    wait_live(plane.program, "edge.test")
    wait_live(plane.program, "other.test", 421)
    assert len(plane.program.edge_pids()) == len(plane.program.control_pids()) == 1


def test_what_the_control_plane_says_to_be_applied_is_live_on_every_worker(site, make):
    """An edge says so when its last worker has it, so nobody is served what was before."""
    other = make.origin("other")
    server = site.program
    connections = [server.connect() for _ in range(8)]
    for number in range(10):
        before = site.admin.ok("readDomain", name="edge.test")
        address = other.address if number % 2 == 0 else "127.0.0.1:1"
        changed = site.admin.call("changeDomain", {"origin": {"addresses": [address]}}, name="edge.test",
                                  fields={"If-Match": f'"{before["revision"]}"'})  # fmt: skip
        assert changed.status == 200, changed

        def is_applied():
            edges = site.viewer.call("listEdges", judged=False).json["items"]
            return edges and all(edge["applied"] >= changed.revision for edge in edges)

        wait_until(is_applied, LIVE, "an edge that has applied it")
        for connection in connections:
            connection.request(host="edge.test", target=f"/{number}")
            assert (connection.response().body == b"other") == (number % 2 == 0)
    for connection in connections:
        connection.close()


def test_a_death_of_the_control_process_touches_no_request(site, origin):
    server = site.program
    edges = server.edge_pids()
    with Load(server.address, clients=2, pause=0.002, host="edge.test") as load:
        for number in range(3):
            dead = kill_control(server)
            wait_until(lambda: server.control_pids() not in ([], [dead]), RESTART, "a new control process")
            site.wait_open()
            make_domain(site, origin, f"after{number}.test")
            wait_live(server, f"after{number}.test")
    assert load.count > 10 and not load.failures, load.failures[:5]
    assert server.edge_pids() == edges
    server.assert_healthy()


def test_who_asks_while_it_is_away_is_answered_by_the_next_one(site):
    """The sockets are the supervisor's: nobody is refused."""
    kill_control(site.program)
    begun = time.monotonic()
    assert site.viewer.send("GET", "/api/v1/status").status in (200, 503)
    assert time.monotonic() - begun < RESTART
    site.wait_open()
    assert site.viewer.ok("readDomain", name="edge.test")["name"] == "edge.test"


def test_one_that_dies_over_and_over_is_slowed_down(site):
    server = site.program
    edges = server.edge_pids()
    seen, end = set(), time.monotonic() + 3
    while time.monotonic() < end:
        for pid in server.control_pids():
            if pid not in seen:
                seen.add(pid)
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    assert 3 <= len(seen) < 60, len(seen)
    site.wait_open()
    assert server.edge_pids() == edges and server.get(host="edge.test").status == 200


def upgrade(server):
    edges, controls = server.edge_pids(), server.control_pids()
    server.signal(signal.SIGHUP)
    wait_until(lambda: server.edge_pids() and not set(edges) & set(server.edge_pids()), 4 * RESTART, "another edge")
    wait_until(lambda: server.control_pids() and not set(controls) & set(server.control_pids()), 4 * RESTART,
               "another control process")  # fmt: skip


def test_an_upgrade_replaces_both_and_fails_nothing(make, origin):
    folder = make.inside("bin")
    path = folder / "headwater"
    shutil.copy2(binary(), path)
    site = Plane(make, "serve", program=str(path))
    make_domain(site, origin)
    server = site.program
    wait_live(server, "edge.test")
    fresh = folder / "fresh"
    shutil.copy2(binary(), fresh)
    os.replace(fresh, path)
    supervisor = server.process.pid
    with Load(server.address, clients=2, pause=0.002, fresh_every=10, host="edge.test") as load:
        upgrade(server)
        site.wait_open()
        make_domain(site, origin, "after.test")
        wait_live(server, "after.test")
    assert load.count > 10 and not load.failures, load.failures[:5]
    pids = [supervisor, *server.edge_pids(), *server.control_pids()]
    assert {os.readlink(f"/proc/{pid}/exe") for pid in pids} == {str(path)}
    assert len(pids) == 3
    # What it has now comes back as well.
    kill_control(server)
    site.wait_open()
    server.assert_healthy()


def test_many_upgrades_at_once_end_with_one_of_each(site):
    server = site.program
    for pause in (0, 0, 0.01, 0.05, 0):
        server.signal(signal.SIGHUP)
        time.sleep(pause)
    seen = []

    def is_one():
        seen.append((server.edge_pids(), server.control_pids()))
        time.sleep(0.05)
        return len(seen) >= 10 and all(len(edges) == len(controls) == 1 and (edges, controls) == seen[-1]
                                       for edges, controls in seen[-10:])  # fmt: skip

    wait_until(is_one, 8 * RESTART, "one edge and one control process")
    site.wait_open()
    assert server.get(host="edge.test").status == 200


def test_an_edge_that_starts_while_it_is_away_serves_what_it_knows(site):
    server = site.program
    (control,) = server.control_pids()
    os.kill(control, signal.SIGSTOP)
    server.is_broken_fine = True
    try:
        (edge,) = server.edge_pids()
        os.kill(edge, signal.SIGKILL)
        wait_until(lambda: server.edge_pids() not in ([], [edge]), RESTART, "a new edge")
        assert server.get(host="edge.test", timeout=RESTART).status == 200
    finally:
        os.kill(control, signal.SIGCONT)


def test_an_edge_alone_serves_what_the_last_one_knew(site, make):
    server = site.program
    server.stop()
    alone = Headwater(make.inside("alone"), command="edge")
    make.closing.add(alone, Headwater.stop)
    alone.argv[alone.argv.index("--state-dir") + 1] = str(site.state)
    alone.start()
    assert alone.get(host="edge.test").status == 200
    alone.wait_line("does not answer")


def test_a_restart_has_all_that_there_was(site):
    server = site.program
    server.stop()
    server.start()
    assert server.get(host="edge.test").status == 200
    site.find_address()
    site.wait_open()


def test_an_edge_finds_a_control_plane_that_runs_by_itself(make, origin):
    folder = make.inside("apart")
    path = folder / "link.socket"
    plane = Plane(make, flags=["--control", path])
    # Without a folder of state, the supervisor keeps what its edges know.
    server = Headwater(make.inside("server"), flags={"control": path, "state_dir": ""})
    server.is_broken_fine = True
    make.closing.add(server, Headwater.stop)
    server.start()
    make_domain(plane, origin)
    wait_live(server, "edge.test")
    assert not server.control_pids()
    plane.program.stop()
    (edge,) = server.edge_pids()
    os.kill(edge, signal.SIGKILL)
    wait_until(lambda: server.edge_pids() not in ([], [edge]), RESTART, "a new edge")
    assert server.get(host="edge.test", timeout=RESTART).status == 200


def test_a_file_is_shown_and_not_changed(make, origin):
    server = Headwater(make.inside("file"), [file_domain(origin)], api="127.0.0.1:0")
    make.closing.add(server, Headwater.stop)
    server.start()
    assert server.get().status == 200
    wait_until(lambda: server.control_pids(), RESTART, "a control process")
    assert (server.folder / "state" / "control.socket").exists()  # test_api_file.py has what it is for


def test_a_port_in_use_is_told_and_nothing_is_started(make, origin):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = make.inside("taken")
        for command in ("serve", "control"):
            code, _, errors = program.run(command, "--listen", "127.0.0.1:0", "--api", f"127.0.0.1:{port}",
                                          "--state-dir", folder)  # fmt: skip
            assert code == 1, errors
            assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in errors
            assert "ready on" not in errors


def test_an_end_ends_both(site):
    server = site.program
    pids = server.edge_pids() + server.control_pids()
    server.signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_killing_the_supervisor_leaves_nobody_behind(site):
    server = site.program
    server.is_broken_fine = True
    pids = server.edge_pids() + server.control_pids()
    server.signal(signal.SIGKILL)
    server.process.wait(5)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") and _is_alive(pid) for pid in pids), 20, "their end")


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_started_as_root_both_are_the_users(make, origin):
    nobody = pwd.getpwnam("nobody").pw_uid
    # pytest's own folders are closed to other users.
    folder = pathlib.Path(make.closing.add(tempfile.mkdtemp(), shutil.rmtree))
    folder.chmod(0o755)
    state = shutil.copytree(seed().state, folder / "state", ignore=shutil.ignore_patterns("*.socket"))
    for path in (state, *state.iterdir()):
        os.chown(path, nobody, -1)
    plane = Plane(make, "serve", {"user": "nobody", "spool_dir": "/tmp"}, state=state, log=False)
    server = plane.program
    for pid in server.edge_pids() + server.control_pids():
        assert os.stat(f"/proc/{pid}").st_uid == nobody
    make_domain(plane, origin)
    wait_live(server, "edge.test")
    assert {path.stat().st_uid for path in state.iterdir() if path.name != "edge.socket"} == {nobody}
    for pid in server.control_pids():
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
        assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    # An edge that comes later is the user as well, and may connect.
    upgrade(server)
    plane.wait_open()
    make_domain(plane, origin, "later.test")
    wait_live(server, "later.test")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_as_root_without_a_user_it_keeps_few_rights(site):
    server = site.program
    for pid in server.control_pids():
        text = open(f"/proc/{pid}/status").read()
        status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        assert int(status["CapEff"], 16) == 1 << 1  # to open any file
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == ("0" if is_sanitized() else "2")
