"""The command line as an operator has it: a home of its own, words, a terminal."""
import os
import pty
import re
import select
import signal
import subprocess
import time

from program import BROKEN, binary

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_FORBIDDEN, EXIT_CONFLICT, EXIT_ABSENT, EXIT_LATE = range(8)


class Done:
    """A command that has ended."""

    def __init__(self, code, out, errors):
        self.code, self.out, self.errors = code, out, errors

    def __repr__(self):
        return f"<{self.code}\n{self.out}\n---\n{self.errors}>"


class Commands:
    """Runs commands of one operator."""

    def __init__(self, home, api=None, token=None):
        self.home = home
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("HEADWATER_", "XDG_")) and name not in ("NO_COLOR", "http_proxy", "https_proxy")
        }  # fmt: skip
        self.environment |= {"HOME": str(home), "TERM": "xterm"}
        if api:
            self.environment["HEADWATER_API"] = api
        if token:
            self.environment["HEADWATER_TOKEN"] = token

    @property
    def token_path(self):
        return self.home / ".config/headwater/token"

    def run(self, *words, input="", timeout=60, **environment):
        done = subprocess.run([binary(), *map(str, words)], input=input, capture_output=True, text=True, errors="replace",
                              timeout=timeout, env=self.environment | environment)  # fmt: skip
        assert not BROKEN.search(done.stderr), done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *words, **options):
        """The same, which goes well; what it printed."""
        done = self.run(*words, **options)
        assert done.code == 0, (words, done)
        return done.out

    def at_terminal(self, *words, answers=(), timeout=60, **environment):
        """Runs a command at a terminal; `answers` are (what it waits for, what is then typed). All that was shown."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(binary(), [binary(), *map(str, words)], self.environment | environment)
        shown, end = "", time.monotonic() + timeout
        answers = list(answers)
        from_here = 0
        try:
            while True:
                ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
                assert ready, f"nothing came any more: {shown!r}"
                try:
                    part = os.read(fd, 65536)
                except OSError:  # the other side has closed
                    break
                if not part:
                    break
                shown += part.decode(errors="replace")
                if answers and answers[0][0] in shown[from_here:]:
                    from_here = len(shown)
                    os.write(fd, answers.pop(0)[1].encode())
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            os.close(fd)
            _, status = os.waitpid(pid, 0)
        assert not BROKEN.search(shown), shown
        assert not answers, f"{answers} were not asked for: {shown!r}"
        code = os.waitstatus_to_exitcode(status)
        return Done(code, shown.replace("\r\n", "\n"), "")


def revision_of(done):
    """The revision that a change said."""
    return int(re.search(r"is at revision (\d+)", done)[1])
