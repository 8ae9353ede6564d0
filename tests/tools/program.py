"""Runs a Headwater for a test, watches what it says, and never leaves one behind."""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import client

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READY = re.compile(r"ready on (\S+)")
API = re.compile(r"the API is on (\S+):(\d+)")
BROKEN = re.compile(
    r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|runtime error:"
    r"|check failed|Assertion|CHECK\(|stack smashing|Sanitizer:"
)


def binary():
    """The program under test: $HEADWATER, or what script/build or script/test made."""
    if "HEADWATER" in os.environ:
        return os.environ["HEADWATER"]
    for folder in ("checked", "release"):
        path = ROOT / "build" / folder / "headwater"
        if path.exists():
            return str(path)
    return str(ROOT / "build" / "release" / "headwater")


def is_sanitized():
    """Whether the program is slowed down by a sanitizer."""
    with open(binary(), "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


def flag_list(flags):
    """{"block_time": "1s"} as ["--block-time", "1s"]; a list stays."""
    if not isinstance(flags, dict):
        return [str(flag) for flag in flags]
    return [part for name, value in flags.items() for part in ("--" + name.replace("_", "-"), str(value))]


class Headwater:
    """`headwater serve` (or `edge`) with a folder of its own. The flags have short times for tests.

    Without an `api`, such as "127.0.0.1:0", there is no control process. With one and without domains, the store
    has them."""

    def __init__(self, folder, domains=None, flags=(), *, command="serve", workers=1, args=None,
                 listen=("127.0.0.1:0",), log=True, program=None, api="off", ready=READY):  # fmt: skip
        self.folder = pathlib.Path(folder)
        self.program = program or binary()
        self.domains_path = self.folder / "domains.json"
        self.log_path = self.folder / "access.log"
        self.command = command
        self.ready = ready  # the line that tells an address that it serves
        self.lines = []
        self.addresses = []
        self.api_address = None
        self.process = None
        self._ready = threading.Condition()
        self._thread = None
        self.is_broken_fine = False  # a test that kills on purpose sets it
        self.argv = [self.program, command]
        if args is None:
            if domains is not None:
                self.write_domains(domains)
                self.argv += ["--domains", str(self.domains_path)]
            for address in listen:
                self.argv += ["--listen", address]
            self.argv += ["--workers", str(workers), "--state-dir", str(self.folder / "state")]
            self.argv += ["--spool-dir", str(self.folder), "--api", api]
            if log:
                self.argv += ["--access-log", str(self.log_path)]
            (self.folder / "state").mkdir(exist_ok=True)
            args = flag_list(flags)
        self.argv += args

    # Starting and ending.

    def start(self, timeout=30):
        self.addresses.clear()
        self.api_address = None
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, cwd=self.folder, text=True, errors="replace",
        )  # fmt: skip
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()
        wanted = max(1, self.argv.count("--listen"))
        with self._ready:
            self._ready.wait_for(lambda: len(self.addresses) >= wanted or self.has_ended, timeout)
        assert self.addresses, f"{self.argv} did not get ready:\n{self.text}"
        return self

    def _collect(self):
        for line in self.process.stdout:
            with self._ready:
                self.lines.append(line.rstrip("\n"))
                match = self.ready.search(line)
                if match:
                    for address in match.group(1).split(","):
                        host, _, port = address.rstrip(".,").rpartition(":")
                        if (host.strip("[]"), int(port)) not in self.addresses:
                            self.addresses.append((host.strip("[]"), int(port)))
                match = API.search(line)
                if match:
                    self.api_address = (match.group(1).strip("[]"), int(match.group(2)))
                self._ready.notify_all()
        with self._ready:
            self.lines.append("")
            self._ready.notify_all()

    @property
    def has_ended(self):
        return self.process.poll() is not None

    @property
    def text(self):
        """What it said, where that is long, its end and what broke."""
        broken = [line for line in self.lines[:-60] if BROKEN.search(line)][:10]
        return "\n".join(broken + self.lines[-60:])

    def wait_line(self, pattern, timeout=5.0, since=0):
        """Waits for a line of the program's own log that the pattern finds; returns it."""
        found = []

        def look():
            found[:] = [line for line in self.lines[since:] if re.search(pattern, line)]
            return found or self.has_ended

        with self._ready:
            self._ready.wait_for(look, timeout)
        assert found, f"no line has {pattern!r}:\n{self.text}"
        return found[0]

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self, timeout=20):
        """Ends it as an operator would, and asks for a clean end."""
        if self.process is None:
            return
        try:
            if not self.has_ended:
                self.signal(signal.SIGTERM)
                try:
                    self.process.wait(timeout)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"SIGTERM did not end it:\n{self.text}") from None
            code = self.process.returncode
            assert code == 0 or self.is_broken_fine, f"exit code {code}:\n{self.text}"
        finally:
            self.kill()
        self._thread.join(5)
        assert not BROKEN.search(self.text), self.text

    def kill(self):
        """Ends whatever of it is left, children included: all are of the session that we made."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)

    def assert_healthy(self):
        assert not self.has_ended, f"it ended with {self.process.returncode}:\n{self.text}"
        assert not BROKEN.search(self.text), self.text

    def child_pids(self, command):
        """The pids of the supervisor's children that run this command, oldest first."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        pids = map(int, pathlib.Path(path).read_text().split())
        return [pid for pid in pids if _is_alive(pid) and _command(pid) == command]

    def edge_pids(self):
        """Those of the data plane."""
        return self.child_pids("edge")

    def control_pids(self):
        return self.child_pids("control")

    def cpu_seconds(self):
        """What its edges have used so far, all threads, the system's time included."""
        ticks = 0
        for pid in self.edge_pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        """How many descriptors its edges have open."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.edge_pids())

    # Asking it.

    @property
    def address(self):
        return self.addresses[0]

    @property
    def port(self):
        return self.addresses[0][1]

    def get(self, target="/", **options):
        return client.exchange(self.address, "GET", target, **options)

    def ask(self, method, target="/", **options):
        return client.exchange(self.address, method, target, **options)

    def raw(self, data, **options):
        return client.raw_exchange(self.address, data, **options)

    def connect(self, **options):
        return client.Client(self.address, **options)

    # Its domains file.

    def write_domains(self, domains):
        """Puts a new file in the place of the old one by a rename."""
        self.write_text(json.dumps({"domains": domains}, indent=1))

    def write_text(self, text):
        beside = self.domains_path.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.domains_path)

    # Its access log.

    def log(self):
        if not self.log_path.exists():
            return []
        # What has no line feed yet is still being written.
        return [json.loads(line) for line in self.log_path.read_text().split("\n")[:-1]]

    def wait_log(self, count=1, path=None, timeout=5.0):
        """Waits for so many lines (of requests for one path), and returns them."""
        end = time.monotonic() + timeout
        while True:
            lines = [line for line in self.log() if path is None or line["path"] == path]
            if len(lines) >= count:
                return lines
            if time.monotonic() > end:
                raise AssertionError(f"{len(lines)} lines of access log for {path}, not {count}:\n{self.text}")
            time.sleep(0.02)


def _command(pid):
    try:
        return (pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0") + ["", ""])[1]
    except OSError:
        return ""


def _is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run(*args, timeout=30, program=None, cwd=None):
    """Runs a command of the program to its end: (exit code, standard output, standard error)."""
    done = subprocess.run([program or binary(), *map(str, args)], capture_output=True, text=True,
                          timeout=timeout, stdin=subprocess.DEVNULL, cwd=cwd)  # fmt: skip
    assert not BROKEN.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr
