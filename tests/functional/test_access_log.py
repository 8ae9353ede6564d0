"""The access log: one JSON line for each request, with every attempt."""
import datetime
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from domains import domain, origin_of
from origin import Generated, Reply
from program import binary

KEYS = ["time", "id", "client", "domain", "host", "method", "path", "protocol", "status", "cache", "bytes_in",
        "bytes_out", "ms", "fault", "end", "attempts"]  # fmt: skip
ATTEMPT_KEYS = ["role", "address", "phase", "status", "reason", "ms", "reused", "next"]


@pytest.fixture(name="server")
def _server(make, origin):
    return make.headwater([domain(origin), domain(origin, name="*.wild.test")])


def test_a_line_has_all_there_is_to_know(server, origin):
    origin.default = Reply(body=b"0123456789")
    server.get("/a?b=c")
    (line,) = server.wait_log(1)
    assert list(line) == KEYS and list(line["attempts"][0]) == ATTEMPT_KEYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert re.fullmatch(r"[0-9a-f]{16}", line["id"])
    assert (line["client"], line["domain"], line["host"]) == ("127.0.0.1", "edge.test", "edge.test")
    assert (line["method"], line["path"], line["protocol"]) == ("GET", "/a?b=c", "HTTP/1.1")
    assert (line["status"], line["cache"], line["fault"], line["end"]) == (200, "PASS", "none", "complete")
    assert (line["bytes_in"], line["bytes_out"]) == (0, 10)
    (attempt,) = line["attempts"]
    assert (attempt["role"], attempt["address"], attempt["phase"]) == ("master", origin.address, "done")
    assert (attempt["status"], attempt["reason"], attempt["reused"], attempt["next"]) == (200, "none", False, "deliver")
    assert 0 < attempt["ms"] <= line["ms"] < 5000


def test_the_time_is_that_of_the_request_not_of_its_end(server, origin):
    origin.default = Reply(delay=0.9)
    before = time.time()
    server.get("/slow")
    (line,) = server.wait_log(1)
    told = datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()
    assert before - 0.1 < told < before + 0.6 and line["ms"] > 800


def test_bytes_count_the_content(server, origin):
    origin.default = Reply(body=Generated("a", 300_000), framing="chunked")
    server.ask("PUT", "/up", body=bytes(12345))
    (line,) = server.wait_log(1)
    assert (line["bytes_in"], line["bytes_out"]) == (12345, 300_000)
    server.ask("HEAD", "/head", body=None)
    assert server.wait_log(2)[1]["bytes_out"] == 0


def test_the_domain_and_the_host_are_told_apart(server):
    server.get(host="A.wild.test:8080")
    (line,) = server.wait_log(1)
    assert line["domain"] == "*.wild.test" and line["host"].lower().startswith("a.wild.test")


@pytest.mark.parametrize("host, fields, status, fault", [
    ("unknown.test", [], 421, "unknown_host"),
    ("edge.test", [("CDN-Loop", "headwater")], 508, "loop"),
    ("edge.test", [("Expect", "nonsense")], 417, "expectation"),
])  # fmt: skip
def test_refusals_are_logged_with_their_fault(server, host, fields, status, fault):
    assert server.get("/x", host=host, fields=fields).status == status
    (line,) = server.wait_log(1)
    assert (line["status"], line["fault"], line["attempts"]) == (status, fault, [])


def test_odd_texts_do_not_break_the_line(server, origin):
    server.ask("X-\"ODD".replace('"', "'"), "/a\"b\\c<>&'%00")
    (line,) = server.wait_log(1)
    assert line["path"] == "/a\"b\\c<>&'%00" and line["method"] == "X-'ODD"
    server.get("/" + "a" * 8000)
    assert server.wait_log(2)[1]["path"].startswith("/aaaa")


def test_every_request_has_a_line_of_its_own(make, origin):
    server = make.headwater([domain(origin)], workers=2)

    def run(name):
        with server.connect() as connection:
            for number in range(50):
                connection.request(target=f"/{name}-{number}")
                connection.response()

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = server.wait_log(400)
    assert len(lines) == 400
    assert {line["path"] for line in lines} == {f"/{name}-{number}" for name in range(8) for number in range(50)}
    assert len({line["id"] for line in lines}) == 400


def test_a_sample_logs_one_in_so_many(make, origin):
    server = make.headwater([domain(origin)], {"access_log_sample": 10}, workers=1)
    with server.connect() as connection:
        for number in range(200):
            connection.request(target=f"/{number}")
            connection.response()
    time.sleep(0.5)
    assert 10 <= len(server.log()) <= 30


def test_it_is_off_by_default(make, origin):
    server = make.headwater([domain(origin)], log=False)
    server.get()
    assert not server.log_path.exists() and '"attempts"' not in server.text


def test_it_can_go_to_standard_output(make, origin):
    server = make.headwater([domain(origin)], {"access_log": "stdout"}, log=False)
    server.get("/to-stdout")
    server.wait_line(r'^\{"time":.*"/to-stdout"')


@pytest.mark.parametrize("where, socket", [("syslog", "/dev/log"), ("journald", "/run/systemd/journal/socket")])
def test_a_log_that_nobody_would_read_is_told(make, origin, where, socket):
    server = make.headwater([domain(origin)], {"access_log": where}, log=False)
    assert server.get().status == 200
    assert (f"access log: {where}: {socket} is not there" in server.text) is not os.path.exists(socket)


# Shows the program a /dev and a /run of its own, with the sockets of the folder $0 in them.
PRIVATE = """
set -e
for node in null zero random urandom; do
    touch "$0/dev/$node"
    mount --bind "/dev/$node" "$0/dev/$node"
done
mount --rbind "$0/dev" /dev
mount --bind "$0/run" /run
exec "$@"
"""


@pytest.fixture(name="private")
def _private():
    """(folder, program): what the program sends to syslog or the journal arrives at sockets in the folder."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no mount namespaces here")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # a socket's path is short
        folder = pathlib.Path(name)
        (folder / "dev").mkdir()
        (folder / "run/systemd/journal").mkdir(parents=True)
        (folder / "private.sh").write_text(PRIVATE)
        program = folder / "program"
        program.write_text(f'#!/bin/sh\nexec unshare -rm sh -c "$(cat {folder}/private.sh)" {folder} {binary()} "$@"\n')
        program.chmod(0o755)
        yield folder, str(program)


@pytest.mark.parametrize("where, path, words", [
    ("syslog", "dev/log", [b"<30>", b"headwater["]),
    ("journald", "run/systemd/journal/socket", [b"SYSLOG_IDENTIFIER=headwater-access", b"PRIORITY=6"]),
])  # fmt: skip
def test_it_can_go_to_the_machines_log(make, origin, private, where, path, words):
    folder, program = private
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(folder / path))
        receiver.settimeout(10)
        server = make.headwater([domain(origin)], {"access_log": where}, log=False, program=program)
        for number in range(3):
            assert server.get(f"/{number}").status == 200
        for number in range(3):
            message = receiver.recv(65536)
            assert all(word in message for word in words)
            line = json.loads(message[message.index(b"{"):].split(b"\n")[0])
            assert list(line) == KEYS and line["path"] == f"/{number}"


def test_lines_are_whole_after_a_drain(make, origin):
    server = make.headwater([domain(origin)], workers=2)
    for number in range(50):
        server.get(f"/{number}")
    server.stop()
    assert len(server.log()) == 50


def test_a_log_that_takes_nothing_holds_no_request_up(make, origin):
    """A FIFO that nobody reads fills up: lines are dropped, requests are not."""
    folder = make.inside("fifo")
    path = folder / "log.fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        server = make.headwater([domain(origin)], {"access_log": str(path)}, log=False, workers=1)
        begun = time.monotonic()
        with server.connect() as connection:
            for number in range(300):
                connection.request(target="/" + "a" * 4000)
                assert connection.response().status == 200
        assert time.monotonic() - begun < 10
        os.read(reader, 65536)
    finally:
        os.close(reader)


def test_aborted_requests_are_told_so(server, origin):
    origin.default = Reply(body=Generated("a", 50_000_000))
    with server.connect(receive_buffer=65536) as connection:
        connection.request(target="/left")
        origin.wait(1)
        time.sleep(0.1)
        connection.abort()
    line = server.wait_log(1)[0]  # the pull may have one, too, behind it
    assert (line["end"], line["status"]) == ("aborted", 200)
    assert line["bytes_out"] < 50_000_000


@pytest.mark.parametrize("reply, phase, status", [
    (Reply(delay=30), "head", 0),
    (Reply(body=Generated("a", 50_000), cut="mid_body", cut_after=10_000, how="hang"), "body", 200),
], ids=["head", "body"])  # fmt: skip
def test_an_attempt_that_the_client_did_not_wait_for_is_told_as_far_as_it_came(make, origin, reply, phase, status):
    origin.default = reply
    server = make.headwater([domain(origin_of(origin, head_timeout="30s", idle_timeout="30s"))])
    with server.connect() as connection:
        connection.request(target="/left")
        origin.wait(1)
        time.sleep(0.7)
        connection.abort()
    line = server.wait_log(1)[0]  # the pull may have one, too, behind it
    (attempt,) = line["attempts"]
    assert line["end"] == "aborted"
    assert (attempt["phase"], attempt["status"]) == (phase, status)
    assert 600 < attempt["ms"] <= line["ms"]
