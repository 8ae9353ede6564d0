"""The demo of script/run, as somebody new would see it: in a terminal, and by the lines that it prints."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import client
import pytest
from program import ROOT

PORT = 8080


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            # As at a terminal; who runs the tests in the background has it ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execvp(command[0], command)
        self.text = ""
        self.status = None

    def wait_for(self, words, timeout):
        """Reads until the words came; None waits for the end."""
        end = time.monotonic() + timeout
        while words is None or words not in self.text:
            assert time.monotonic() < end, f"no {words!r} within {timeout} s:\n{self.text}"
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # nobody has the other end any more
                data = b""
            self.text += data.decode(errors="replace").replace("\r\n", "\n")
            if not data:
                break
        if words is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def press_control_c(self):
        os.write(self.fd, b"\x03")

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGTERM)
            self.wait_for(None, 60)
        os.close(self.fd)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(name="demo")
def _demo():
    if listens(PORT):
        pytest.skip(f"port {PORT} is taken")
    demo = Terminal("script/run")
    try:
        demo.wait_for("Ctrl-C stops everything.", 300)
        yield demo
    finally:
        demo.close()


def run(line):
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


@pytest.mark.alone
def test_the_lines_of_the_demo_do_what_they_say(demo):
    lines = [line.partition("#")[0].strip() for line in demo.text.splitlines() if line.startswith("    ")]
    assert [line.split()[0] for line in lines] == ["curl", "script/run", "curl", "script/run", "curl"]
    answers = [run(line) for line in lines]
    # "If it was blocked, within about a minute."
    end = time.monotonic() + 90
    while "Hello from the backup origin" in answers[-1] and time.monotonic() < end:
        time.sleep(1)
        answers[-1] = run(lines[-1])
    for answer, who in zip(answers[::2], ("master", "backup", "master")):
        assert answer.startswith("HTTP/1.1 200 ") and f"Hello from the {who} origin" in answer
        assert f"X-Headwater-Origin: {who} 127.0.0.1:" in answer
    assert [run(f"script/run {verb} master") for verb in ("stop", "stop", "start", "start")]


@pytest.mark.alone
def test_control_c_ends_the_demo_and_finishes_what_is_in_flight(demo):
    ports = [PORT, *map(int, re.findall(r"origin 127\.0\.0\.1:(\d+)", demo.text))]
    assert len(ports) == 3
    with client.Client(("127.0.0.1", PORT)) as busy:
        busy.send(b"POST / HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 2\r\n\r\n1")
        time.sleep(0.3)
        demo.press_control_c()
        time.sleep(0.3)
        busy.send(b"2")
        assert busy.response().status == 200
    demo.wait_for(None, 20)
    assert demo.status == 0 and "ended with exit code 0" in demo.text, demo.text
    assert not [port for port in ports if listens(port)]
