"""How it ends, comes back, and is replaced without anybody noticing."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import client
import program
import pytest
from domains import domain, origin_of
from load import Load
from origin import Generated, Reply
from program import binary, is_sanitized

RESTART = 5.0 if is_sanitized() else 1.0


def wait_until(condition, within, what):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["serve", "edge"])
def test_a_signal_drains(make, origin, number, command):
    origin.on("/slow", Reply(delay=0.7, body=b"late"))
    server = make.headwater([domain(origin_of(origin, head_timeout="5s"))], command=command, workers=2)
    with server.connect() as slow, server.connect() as idle:
        idle.request()
        assert idle.response().status == 200
        slow.request(target="/slow")
        origin.wait(2)
        server.signal(number)
        response = slow.response()
        assert response.body == b"late"
        assert "close" in response.fields.tokens("Connection")
        assert slow.end(5) == (b"", "fin")
        assert idle.end(5) == (b"", "fin")
    assert server.process.wait(10) == 0
    with pytest.raises(OSError):
        client.Client(server.address)


def test_a_large_response_is_finished_before_the_end(make, origin):
    origin.default = Reply(body=Generated("big", 30 << 20))
    server = make.headwater([domain(origin)])
    with server.connect(receive_buffer=65536, timeout=30) as connection:
        connection.request()
        origin.wait(1)
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert connection.response(keep=False).size == 30 << 20
    assert server.process.wait(10) == 0


def test_a_drain_has_an_end(make, origin):
    origin.default = Reply(cut="before", how="hang")
    server = make.headwater([domain(origin_of(origin, head_timeout="60s"))], {"drain_timeout": "1s"})
    with server.connect() as connection:
        connection.request()
        origin.wait(1)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        server.process.wait(10)
        assert time.monotonic() - begun < 1 + 3


def test_the_edge_comes_back_on_the_same_port(make, origin):
    server = make.headwater([domain(origin)])
    server.is_broken_fine = True
    (pid,) = server.edge_pids()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.edge_pids() not in ([], [pid]), RESTART, "a new edge")
    begun = time.monotonic()
    assert server.get(timeout=RESTART + 1).status == 200
    assert time.monotonic() - begun < RESTART


def kills_under_load(make, origin, count, pause):
    server = make.headwater([domain(origin)], workers=2)
    server.is_broken_fine = True
    gaps = []
    with Load(server.address, clients=2, pause=0.002, fresh_every=5) as load:
        for _ in range(count):
            wait_until(server.edge_pids, RESTART, "an edge")
            before = set(server.edge_pids())
            begun = time.monotonic()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            # A request that waits in the queue of the sockets counts as well: nothing refuses it.
            wait_until(lambda: set(server.edge_pids()) - before, RESTART, "a new edge")
            while True:
                try:
                    if server.get(timeout=RESTART + 5).status == 200:
                        break
                except client.wire.Truncated:
                    pass  # it was accepted by the one that was killed
            gaps.append(time.monotonic() - begun)
            time.sleep(pause)
    refused = [failure for failure in load.failures if "Refused" in failure[1]]
    assert not refused, f"connections were refused while the edge was away: {refused[:3]}"
    # Only what was in flight may have broken: a few for each kill.
    assert len(load.failures) <= 4 * count, load.failures[:5]
    return gaps


def test_ten_kills_under_load_are_survived(make, origin):
    gaps = kills_under_load(make, origin, 10, 0.2)
    assert max(gaps) < RESTART


@pytest.mark.soak
def test_a_hundred_kills_under_load_are_survived(make, origin):
    kills_under_load(make, origin, 100, 0.3)


@pytest.mark.timing
@pytest.mark.alone
def test_a_new_edge_serves_200_ms_after_a_kill(make, origin):
    if is_sanitized():
        pytest.skip("a sanitizer's time means nothing")
    gaps = kills_under_load(make, origin, 10, 0.3)
    assert max(gaps) < 0.2, gaps


def upgrades_under_load(make, origin, count):
    server = make.headwater([domain(origin)], workers=2)
    edges = [set(server.edge_pids())]
    with Load(server.address, clients=4, pause=0.001, fresh_every=20) as load:
        time.sleep(0.2)
        for _ in range(count):
            server.signal(signal.SIGHUP)
            wait_until(lambda: set(server.edge_pids()) - edges[-1], 4 * RESTART, "a new edge")
            edges.append(set(server.edge_pids()) - edges[-1])
            wait_until(lambda: not set(server.edge_pids()) & edges[-2], 4 * RESTART, "the old edge's end")
        time.sleep(0.2)
    assert load.count > 50 and not load.failures, load.failures[:5]
    server.assert_healthy()


def test_an_upgrade_under_load_fails_no_request(make, origin):
    upgrades_under_load(make, origin, 3)


@pytest.mark.soak
def test_fifty_upgrades_under_load_fail_no_request(make, origin):
    upgrades_under_load(make, origin, 50)


def wait_for_one_edge(server):
    """One edge, that stays the only one: a signal that is still to be read makes another."""
    seen = []

    def is_one():
        seen.append(server.edge_pids())
        time.sleep(0.05)
        return len(seen) >= 10 and all(len(pids) == 1 and pids == seen[-1] for pids in seen[-10:])

    wait_until(is_one, 6 * RESTART, "exactly one edge")


def test_many_upgrades_at_once_end_with_one_edge(make, origin):
    server = make.headwater([domain(origin)], workers=2)
    with Load(server.address, clients=3, pause=0.002, fresh_every=10) as load:
        for pause in (0, 0, 0.01, 0.03, 0.1, 0):
            server.signal(signal.SIGHUP)
            time.sleep(pause)
        time.sleep(0.5)
        wait_for_one_edge(server)
    assert not load.failures, load.failures[:5]


def test_a_kill_in_the_middle_of_an_upgrade_is_survived(make, origin):
    server = make.headwater([domain(origin)], workers=2)
    server.is_broken_fine = True
    for pause in (0, 0.005, 0.02, 0.05):
        server.signal(signal.SIGHUP)
        time.sleep(pause)
        for pid in server.edge_pids():
            os.kill(pid, signal.SIGKILL)
        wait_for_one_edge(server)
        assert server.get(timeout=15).status == 200


@pytest.mark.parametrize("pause", [0, 0.01, 0.05])
def test_an_end_in_the_middle_of_an_upgrade_is_an_end(make, origin, pause):
    server = make.headwater([domain(origin)])
    server.signal(signal.SIGHUP)
    time.sleep(pause)
    server.signal(signal.SIGTERM)
    assert server.process.wait(15) == 0


def test_an_upgrade_keeps_what_was_reloaded(make, origin):
    server = make.headwater([domain("127.0.0.1:1")])
    server.write_domains([domain(origin)])
    wait_until(lambda: server.get().status == 200, 5, "the change")
    before = set(server.edge_pids())
    server.signal(signal.SIGHUP)
    wait_until(lambda: set(server.edge_pids()) - before, 4 * RESTART, "a new edge")
    wait_until(lambda: not before & set(server.edge_pids()), 4 * RESTART, "the old edge's end")
    assert server.get().body == b"master"
    server.write_domains([domain(origin), domain(origin, name="new.test")])
    wait_until(lambda: server.get(host="new.test").status == 200, 5, "another change")


def test_an_upgrade_runs_the_program_that_is_on_disk_now(make, origin):
    folder = make.inside("bin")
    path = folder / "headwater"
    shutil.copy2(binary(), path)
    server = make.headwater([domain(origin)], program=str(path))
    fresh = folder / "fresh"
    shutil.copy2(binary(), fresh)
    os.replace(fresh, path)
    before = set(server.edge_pids())
    supervisor = server.process.pid
    server.signal(signal.SIGHUP)
    wait_until(lambda: set(server.edge_pids()) - before, 4 * RESTART, "a new edge")
    wait_until(lambda: not before & set(server.edge_pids()), 4 * RESTART, "the old edge's end")

    def run_it():
        return {os.readlink(f"/proc/{pid}/exe") for pid in [supervisor, *server.edge_pids()]} == {str(path)}

    wait_until(run_it, RESTART, "every process runs the new file")
    assert server.get().status == 200


def test_an_upgrade_finishes_what_is_in_flight(make, origin):
    origin.on("/slow", Reply(delay=1, body=b"late"))
    server = make.headwater([domain(origin_of(origin, head_timeout="5s"))])
    with server.connect() as connection:
        connection.request(target="/slow")
        origin.wait(1)
        before = set(server.edge_pids())
        server.signal(signal.SIGHUP)
        wait_until(lambda: set(server.edge_pids()) - before, 4 * RESTART, "a new edge")
        assert server.get().status == 200
        assert connection.response().body == b"late"


def test_what_is_in_flight_is_not_cut_short_by_settings_that_broke_in_an_upgrade(make, origin):
    """The new edge has read them, the new supervisor cannot: a pipe says something else each time."""
    origin.on("/slow", Reply(delay=7, body=b"late"))  # longer than what a supervisor adds to the drain's time
    config = make.inside("config") / "settings"
    os.mkfifo(config)

    def say(text):
        with open(config, "w") as pipe:  # waits for who reads
            pipe.write(text)
        time.sleep(0.05)  # until that one has closed it

    first = threading.Thread(target=say, args=("cdn_id: first\n",))
    first.start()
    server = make.headwater([domain(origin_of(origin, head_timeout="30s"))],
                            {"config": config, "drain_timeout": "20s"})  # fmt: skip
    first.join()
    server.is_broken_fine = True
    server.signal(signal.SIGHUP)
    say("cdn_id: second\n")
    say("cdn_id: [\n")
    server.wait_line("upgraded to version")
    with server.connect(timeout=20) as connection:
        connection.request(target="/slow")
        origin.wait(1)
        server.signal(signal.SIGTERM)
        assert connection.response().body == b"late"
    assert server.process.wait(10) == 0


def test_an_upgrade_to_a_broken_program_keeps_the_old_one(make, origin):
    folder = make.inside("bin")
    path = folder / "headwater"
    shutil.copy2(binary(), path)
    server = make.headwater([domain(origin)], program=str(path))
    broken = folder / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    os.replace(broken, path)
    server.signal(signal.SIGHUP)
    for _ in range(20):
        assert server.get().status == 200
        time.sleep(0.05)


def test_connections_in_the_queue_survive_an_upgrade(make, origin):
    """Connected, but not yet accepted or not yet spoken on, when the edge changes."""
    server = make.headwater([domain(origin)], workers=2)
    waiting = [server.connect() for _ in range(20)]
    before = set(server.edge_pids())
    server.signal(signal.SIGHUP)
    failed = []
    threads = []

    def ask(connection):
        try:
            connection.request()
            if connection.response().status != 200:
                failed.append("status")
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(repr(error))

    for connection in waiting:
        threads.append(threading.Thread(target=ask, args=(connection,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for connection in waiting:
        connection.close()
    assert not failed, failed[:3]
    wait_until(lambda: set(server.edge_pids()) - before, 4 * RESTART, "a new edge")


def test_the_access_log_is_opened_again(make, origin):
    server = make.headwater([domain(origin)])
    server.get("/one")
    server.wait_log(1, "/one")
    moved = server.log_path.with_suffix(".1")
    server.log_path.rename(moved)
    server.signal(signal.SIGUSR1)
    wait_until(server.log_path.exists, 5, "a new access log")
    server.get("/two")
    assert [line["path"] for line in server.wait_log(1)] == ["/two"]
    assert "/one" in moved.read_text()


def test_killing_the_supervisor_leaves_no_edge_behind(make, origin):
    server = make.headwater([domain(origin)])
    server.is_broken_fine = True
    pids = server.edge_pids()
    server.signal(signal.SIGKILL)
    server.process.wait(5)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and "edge" in _command(pid) for pid in pids), 5, "its end")


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def test_standard_descriptors_that_are_closed_are_nobody_elses(origin):
    """Otherwise a client's connection gets the number 2, and what is logged goes to the client."""
    command = [binary(), "edge", "--domain", "edge.test", "--origin", origin.address, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command])
    try:
        def are_filled():
            try:
                return all(os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null" for number in range(3))
            except OSError:
                return False

        wait_until(are_filled, RESTART, "descriptors of their own")
    finally:
        # It may not have come as far as to hear of a signal by then.
        process.terminate()
        assert process.wait(10) in (0, -signal.SIGTERM)


def test_a_port_in_use_is_told_and_nothing_is_started(make, origin):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = make.inside("taken")
        code, _, errors = program.run("serve", "--domain", "a.test", "--origin", origin.address, "--listen",
                                      f"127.0.0.1:{port}", "--state-dir", folder)  # fmt: skip
    assert code != 0 and str(port) in errors


def test_a_crash_loop_is_slowed_down(make, origin):
    """An edge that dies at once again and again must not keep the machine busy."""
    server = make.headwater([domain(origin)])
    server.is_broken_fine = True
    seen = set()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for pid in server.edge_pids():
            if pid not in seen:
                seen.add(pid)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        time.sleep(0.005)
    assert 3 <= len(seen) < 100, len(seen)
    wait_until(lambda: server.edge_pids(), 10, "an edge")
    assert server.get(timeout=15).status == 200
