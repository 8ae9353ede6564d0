"""The edge's UNIX socket and `headwater purge`: who may speak there, what is refused, what it survives."""
import contextlib
import json
import os
import signal
import socket
import stat
import threading
import time

import program
import pytest
from domains import domain, origin_of
from origin import Reply
from program import is_sanitized

RESTART = 5.0 if is_sanitized() else 1.0
URL = "http://edge.test/a"


def wait_until(condition, within, what):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.01)


def socket_of(server):
    return server.folder / "state" / "edge.socket"


def purge(server, *words):
    return program.run("purge", "--socket", socket_of(server), *words)


def request(what="url", values=(URL,), mode="hard", **more):
    return json.dumps({"v": 1, "do": "purge", "what": what, "values": list(values), "mode": mode, **more}).encode() + b"\n"


def speak(path, data, timeout=5):
    """Sends bytes to the socket and returns what comes until its end."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        with contextlib.suppress(OSError):  # it may have answered, and closed
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        came = b""
        try:
            while part := connection.recv(4096):
                came += part
        except ConnectionResetError:
            pass
        return came


@pytest.fixture(scope="module", name="server")
def _server(make_once):
    return make_once.headwater([domain("127.0.0.1:1")])


def test_the_socket_is_its_owners_alone(server):
    mode = os.stat(socket_of(server)).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize("words", [
    (URL,),
    (URL, "https://edge.test:8443/b?c=d"),
    ("--soft", URL),
    ("--prefix", "http://edge.test/img/"),
    ("--prefix=http://edge.test/a", "--prefix=http://edge.test/b"),
    ("--domain", "edge.test"),
    ("--tag", "post-1", "--tag", "post-2", "--domain", "edge.test"),
], ids=lambda words: " ".join(words))  # fmt: skip
def test_what_makes_sense_is_asked_of_the_edge(server, words):
    code, out, errors = purge(server, *words)
    assert (code, errors) == (0, "") and "purged" in out


def test_json_is_the_answer_as_it_is(server):
    code, out, errors = purge(server, "--json", URL)
    assert code == 0 and errors == "" and json.loads(out) == {"ok": True, "purged": 1}
    assert out.count("\n") == 1


BAD = {
    "nothing": ((), "required"),
    "an unknown flag": (("--hard", URL), "unknown-flag"),
    "a flag without its value": (("--prefix",), "syntax"),
    "a flag with a value too many": (("--soft=yes", URL), "syntax"),
    "two kinds": ((URL, "--domain", "edge.test"), "exclusive"),
    "two kinds with a tag": (("--prefix", URL, "--tag", "a", "--domain", "edge.test"), "exclusive"),
    "a tag of no domain": (("--tag", "a"), "required"),
    "a tag of two domains": (("--tag", "a", "--domain", "a.test", "--domain", "b.test"), "required"),
    "a tag with a space": (("--tag", "a b", "--domain", "edge.test"), "value"),
    "an empty URL": (("",), "value"),
    "no scheme": (("edge.test/a",), "value"),
    "another scheme": (("ftp://edge.test/a",), "value"),
    "no host": (("http:///a",), "value"),
    "no path": (("http://edge.test",), "value"),
    "a fragment": (("http://edge.test/a#b",), "value"),
    "a user": (("http://me@edge.test/a",), "value"),
    "a line feed": (("http://edge.test/a\nb",), "value"),
    "a port of 0": (("http://edge.test:0/a",), "value"),
    "a bad domain": (("--domain", "edge..test"), "name"),
    "129 URLs": (tuple(f"{URL}{n}" for n in range(129)), "limit"),
    "more than a line holds": (tuple(f"{URL}{n}{'x' * 1000}" for n in range(70)), "limit"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_told_and_not_asked(server, name):
    words, rule = BAD[name]
    code, out, errors = purge(server, *words)
    assert code == 2 and out == ""
    assert errors.startswith("headwater purge: ") and f"[{rule}]" in errors


def test_without_an_edge_one_line_tells(make, tmp_path):
    path = tmp_path / "none.socket"
    code, out, errors = program.run("purge", "--socket", path, URL)
    assert code == 1 and out == "" and errors.count("\n") == 1 and str(path) in errors
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    code, _, errors = program.run("purge", "--socket", path, URL)
    assert code == 1 and "refused" in errors
    code, _, errors = program.run("purge", "--socket", "/" + "x" * 200, URL)
    assert code == 1 and "too long" in errors


@pytest.mark.parametrize("data", [b"\n", b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b"[" * 5000 + b"\n", bytes(range(256)) * 8 + b"\n",
                                  request(), request("urls"), request(more=1), b"x" * 200_000, request()[:-1]],
                         ids=range(10))  # fmt: skip
def test_whatever_is_sent_is_answered_by_an_error_unless_it_is_right(server, data):
    try:
        lines = speak(socket_of(server), data).splitlines()
    except (BrokenPipeError, ConnectionResetError):
        lines = []  # it was too long, and closed while we still sent
    assert lines or len(data) > 65536
    for line in lines:
        answer = json.loads(line)
        assert answer["ok"] or answer["error"]
        assert answer["ok"] is (data == request())
    server.assert_healthy()


def test_who_holds_all_connections_holds_them_for_a_while_only(make):
    server = make.headwater([domain("127.0.0.1:1")])
    held = []
    try:
        for _ in range(16):
            held.append(socket.socket(socket.AF_UNIX))
            held[-1].connect(str(socket_of(server)))
        time.sleep(0.2)
        assert b"too many connections" in speak(socket_of(server), b"")
        held[0].settimeout(15)
        assert held[0].recv(1) == b""
        wait_until(lambda: purge(server, URL)[0] == 0, 5, "room for another one")
    finally:
        for connection in held:
            connection.close()


def test_a_second_headwater_is_told_that_the_socket_is_taken(make):
    server = make.headwater([domain("127.0.0.1:1")])
    code, _, errors = program.run("serve", "--domain", "a.test", "--origin", "127.0.0.1:1", "--listen", "127.0.0.1:0",
                                  "--state-dir", server.folder / "state")  # fmt: skip
    assert code == 1 and "edge.socket" in errors and "another process listens there" in errors
    assert purge(server, URL)[0] == 0


def test_what_was_left_by_a_dead_one_is_replaced(make):
    server = make.headwater([domain("127.0.0.1:1")])
    server.is_broken_fine = True
    server.kill()
    assert socket_of(server).exists()
    assert purge(server, URL)[0] == 1
    server.start()
    assert purge(server, URL)[0] == 0


def test_an_edge_that_only_finishes_does_not_keep_the_socket(make, origin):
    """Its supervisor is gone, and a new one must not wait until the last request is done."""
    origin.on("/slow", Reply(delay=3, body=b"late"))
    server = make.headwater([domain(origin_of(origin, head_timeout="10s"))])
    server.is_broken_fine = True
    (pid,) = server.edge_pids()
    with server.connect() as connection:
        connection.request(target="/slow")
        origin.wait(1)
        server.signal(signal.SIGKILL)
        server.process.wait(5)
        wait_until(lambda: "refused" in purge(server, URL)[2], 2, "the edge has heard of it")
        server.start()
        assert purge(server, URL)[0] == 0
        assert connection.response().body == b"late"
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "the old edge's end")


@pytest.mark.parametrize("command", ["serve", "edge"])
def test_a_path_of_its_own_is_taken(make, command, tmp_path):
    path = tmp_path / "here"
    make.headwater([domain("127.0.0.1:1")], {"socket": path}, command=command)
    assert program.run("purge", f"--socket={path}", URL)[0] == 0


def test_the_socket_survives_an_edge(make):
    server = make.headwater([domain("127.0.0.1:1")])
    server.is_broken_fine = True
    (pid,) = server.edge_pids()
    os.kill(pid, signal.SIGKILL)
    # It waits in the queue of the socket until the next edge is there.
    assert purge(server, URL)[0] == 0
    assert server.edge_pids() != [pid]


def test_purges_go_on_while_edges_are_replaced(make):
    server = make.headwater([domain("127.0.0.1:1")])
    ended, failed, count = threading.Event(), [], 0

    def ask():
        nonlocal count
        while not ended.is_set():
            code, _, errors = purge(server, URL)
            count += 1
            if code != 0 or errors:
                failed.append(errors)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(3):
            before = set(server.edge_pids())
            server.signal(signal.SIGHUP)
            wait_until(lambda: not before & set(server.edge_pids()), 4 * RESTART, "the old edge's end")
    finally:
        ended.set()
        thread.join()
    assert not failed and count > 0, failed[:3]
