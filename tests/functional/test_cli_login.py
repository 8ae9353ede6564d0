"""Signing in and out: what is typed is not shown, what is kept is nobody else's, and nothing is an argument."""
import pathlib
import re
import stat

import control
import pytest
from commands import EXIT_DONE, EXIT_FORBIDDEN, EXIT_UNREACHABLE, EXIT_USAGE, Commands
from double import Double


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


@pytest.fixture
def url(plane):
    return "http://%s:%s" % plane.address


@pytest.fixture
def cli(make):
    return Commands(make.inside("home"))


def tokens(plane):
    return [item for item in plane.admin.ok("listTokens")["items"] if item["label"].startswith("cli@")]


def test_a_person_signs_in_at_a_terminal(plane, url, cli):
    before = len(tokens(plane))
    done = cli.at_terminal("login", "--api", url, answers=[("account: ", "admin\n"), ("password: ", control.PASSWORD + "\n")])
    assert done.code == EXIT_DONE and f"signed in at {url} as admin (admin)" in done.out, done
    assert control.PASSWORD not in done.out, "it was shown"
    token, api, end = cli.token_path.read_text().split("\n")
    assert re.fullmatch(r"hw.{44}", token) and api == url and end == ""
    assert stat.S_IMODE(cli.token_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cli.token_path.parent.stat().st_mode) == 0o700
    assert [path.name for path in cli.token_path.parent.iterdir()] == ["token"]
    assert token not in done.out
    # Where one is signed in is where the commands that follow go.
    assert "account: admin" in cli.ok("whoami").splitlines()
    assert len(tokens(plane)) == before + 1
    done = cli.run("logout")
    assert done.code == EXIT_DONE and not cli.token_path.exists()
    assert len(tokens(plane)) == before
    assert cli.run("whoami", "--api", url).code == EXIT_FORBIDDEN
    assert cli.run("whoami", "--api", url, HEADWATER_TOKEN=token).code == EXIT_FORBIDDEN


def test_a_script_signs_in_by_lines(plane, url, cli):
    done = cli.run("login", "--api", url, "--expires", "1h", input=f"admin\n{control.PASSWORD}\n")
    assert done.code == EXIT_DONE and "password:" not in done.errors + done.out, done
    assert re.search(r"^expires: 2\d{3}-", cli.ok("whoami"), flags=re.M)
    # Another login puts another token in the place of that one, which is given back. The last line may lack its end.
    before = len(tokens(plane))
    assert cli.run("login", "--api", url, input=f"admin\n{control.PASSWORD}").code == EXIT_DONE
    assert "expires: never" in cli.ok("whoami") and len(tokens(plane)) == before
    # What makes no sense there is no token, and no obstacle.
    cli.token_path.write_text("two words\n")
    assert cli.run("whoami", "--api", url).code == EXIT_FORBIDDEN
    assert cli.run("login", "--api", url, input=f"admin\n{control.PASSWORD}\n").code == EXIT_DONE
    # XDG_CONFIG_HOME says where, and a token there is another one.
    other = cli.home / "config"
    assert cli.run("whoami", "--api", url, XDG_CONFIG_HOME=str(other)).code == EXIT_FORBIDDEN
    assert cli.run("login", "--api", url, input=f"admin\n{control.PASSWORD}\n", XDG_CONFIG_HOME=str(other)).code == EXIT_DONE
    assert (other / "headwater/token").exists()


def test_a_password_of_another_must_be_changed(plane, url, cli):
    made = plane.admin.ok("createUser", {"name": "jane", "role": "operator"})["password"]
    for answers, code, words in (
        ([("account: ", "jane\n"), ("password: ", made + "\n"), ("new password: ", "one password here\n"),
          ("once more: ", "another password\n")], EXIT_USAGE, "these were two"),
        ([("account: ", "jane\n"), ("password: ", made + "\n"), ("new password: ", "xy\x7f\x15one password here\n"),
          ("once more: ", "one password here\n")], EXIT_DONE, "as jane (operator)"),
    ):  # fmt: skip
        done = cli.at_terminal("login", "--api", url, answers=answers)
        assert done.code == code and words in done.out, done
        assert made not in done.out and "one password here" not in done.out
    assert "account: jane" in cli.ok("whoami").splitlines()
    # The same by lines.
    made = plane.admin.ok("createUser", {"name": "joan", "role": "viewer"})["password"]
    done = cli.run("login", "--api", url, input=f"joan\n{made}\na password of hers\n")
    assert done.code == EXIT_DONE, done
    assert cli.run("login", "--api", url, input="joan\na password of hers\n").code == EXIT_DONE


def test_what_is_wrong_is_told_and_keeps_nothing(plane, url, cli):
    for lines, code in (("admin\nwrong password\n", EXIT_FORBIDDEN), ("admin\n", EXIT_USAGE), ("", EXIT_USAGE)):
        done = cli.run("login", "--api", url, input=lines)
        assert done.code == code and "wrong password" not in done.errors, done
        assert not cli.token_path.exists()
    assert cli.run("login", "--api", "http://127.0.0.1:1", input="a\nb\n").code == EXIT_UNREACHABLE


def test_what_keeps_no_secret_is_said(cli):
    done = cli.run("login", "--api", "http://192.0.2.1", input="")
    assert "can be read on the way" in done.errors


@pytest.mark.parametrize("sent, ends_by", [(None, "SIGINT"), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGTERM"),
                                           ("SIGHUP", "SIGHUP"), ("SIGQUIT", "SIGQUIT")])  # fmt: skip
def test_a_terminal_is_left_as_it_was(url, cli, sent, ends_by):
    """Ctrl-C at the password ends the command by SIGINT, with its echo on again; as signals of others do by theirs."""
    import os
    import pty
    import signal
    import termios

    from program import binary

    pid, fd = pty.fork()
    if pid == 0:
        os.execve(binary(), [binary(), "login", "--api", url], cli.environment)
    shown = b""
    while b"account: " not in shown:
        shown += os.read(fd, 4096)
    before = termios.tcgetattr(fd)
    os.write(fd, b"admin\n")
    while b"password: " not in shown:
        shown += os.read(fd, 4096)
    while termios.tcgetattr(fd)[3] & termios.ECHO:
        pass
    os.write(fd, b"secr")
    if sent is None:
        os.write(fd, b"\x03")
    else:
        os.kill(pid, signal.Signals[sent])
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.Signals[ends_by]
    assert termios.tcgetattr(fd)[3] == before[3]
    os.close(fd)


def test_a_token_is_sent_nowhere_else(make, plane, url, cli):
    assert cli.run("login", "--api", url, input=f"admin\n{control.PASSWORD}\n").code == EXIT_DONE
    other = make.closing.add(Double({"GET /whoami": {"account": "you"}}), Double.stop)
    done = cli.run("whoami", "--api", other.url)
    assert done.code == EXIT_FORBIDDEN and f"not signed in at {other.url}" in done.errors
    assert cli.run("whoami", HEADWATER_API=other.url).code == EXIT_FORBIDDEN
    assert other.asked == []


def test_a_token_may_be_in_a_file(make, plane, url, cli):
    path = make.inside("secrets") / "token"
    path.write_text(plane.viewer.fields["Authorization"].removeprefix("Bearer ") + "\n")
    assert "role: viewer" in cli.ok("whoami", "--api", url, "--token-file", path).splitlines()
    path.write_text("two words\n")
    assert cli.run("whoami", "--api", url, "--token-file", path).code == EXIT_USAGE


def test_secrets_are_no_arguments(plane, url, cli):
    """While it asks, nobody sees a password of the command in the list of processes."""
    seen = []
    double = Double()
    double.answers["POST /login"] = lambda handler: (
        seen.extend(path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if b"login" in _read(path)),
        handler.send(401, {"title": "no"}),
    )
    cli.run("login", "--api", double.url, input="jane\nhush hush\n")
    double.stop()
    assert seen and not any(b"hush" in line for line in seen)


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
