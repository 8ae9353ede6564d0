"""Purging, draining, and one's own password by the command line, with an edge that does what is asked."""
import json
import re

import control
import pytest
from caching import wait_until
from commands import EXIT_ABSENT, EXIT_DONE, EXIT_FAILED, EXIT_FORBIDDEN, EXIT_LATE, EXIT_USAGE, Commands
from control import LINK_VERSION, PASSWORD, domain
from origin import Reply

NAME = "purged.test"


@pytest.fixture(scope="module")
def world(make_once):
    """A plane with an edge, a domain, and its origin."""
    origin = make_once.origin("one")
    origin.default = Reply(fields=(("Cache-Control", "max-age=3600"), ("Cache-Tag", "all")), body=b"x")
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m"})
    plane.admin.ok("createDomain", domain(NAME, origin.address))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is served", 10)
    plane.origin = origin
    return plane


def token_of(api):
    return api.fields["Authorization"].removeprefix("Bearer ")


@pytest.fixture
def cli(make, world):
    return Commands(make.inside("home"), "http://%s:%s" % world.address, token_of(world.operator))


PURGES = {
    "url": lambda path: [f"http://{NAME}{path}", f"http://{NAME}/another?a=b"],
    "prefix": lambda path: ["--prefix", f"http://{NAME}{path[:4]}"],
    "domain": lambda path: [f"--domain={NAME}"],
    "tag": lambda path: ["--tag", "all", "--domain", NAME, "--tag", "other"],
}


@pytest.mark.parametrize("soft", [[], ["--soft"]], ids=["hard", "soft"])
@pytest.mark.parametrize("what", PURGES)
def test_what_was_purged_is_pulled_again_when_the_command_ends(world, cli, what, soft):
    path = f"/{what}{len(soft)}"

    def pulls():
        return sum(request.path == path for request in world.origin.requests)

    for _ in range(2):
        assert world.program.get(path, host=NAME).status == 200
    assert pulls() == 1
    done = cli.run("purge", *PURGES[what](path), *soft)
    assert done.code == EXIT_DONE and done.out == "", done
    number = re.search(r"purge (\d+) is done; edges that have done it: 1 of 1\n$", done.errors)[1]
    assert world.program.get(path, host=NAME).status == 200
    assert pulls() == 2
    made = world.viewer.ok("readPurge", number=number)
    assert made["purge"]["what"] == what and made["purge"]["mode"] == ("soft" if soft else "hard")


def test_the_answer_as_it_is(world, cli):
    seen = json.loads(cli.ok("purge", f"http://{NAME}/a", "--json"))
    assert seen["state"] == "done" and [edge["state"] for edge in seen["edges"]] == ["done"]
    done = cli.run("purge", f"http://{NAME}/a", "--json", "--timeout", "0")
    assert done.code == 0 and json.loads(done.out)["number"] == seen["number"] + 1
    assert done.errors.endswith(f"purge {seen['number'] + 1} is made\n")


@pytest.mark.parametrize("words", [
    [], ["--soft"], [f"http://{NAME}/a", "--domain", NAME], ["--tag", "all"], ["--tag", "a", "--domain", NAME, "--domain", "b.test"],
    ["--prefix"], ["--nonsense"], [f"http://{NAME}/a", "--timeout", "soon"],
], ids=" ".join)  # fmt: skip
def test_what_makes_no_sense_asks_nobody(world, cli, words):
    before = world.viewer.ok("listPurges")
    done = cli.run("purge", *words)
    assert done.code == EXIT_USAGE and done.errors.startswith("headwater purge: "), done
    assert world.viewer.ok("listPurges") == before


def test_what_is_refused_is_told_with_its_place(world, cli):
    done = cli.run("purge", f"http://{NAME}/a", "http://absent.test/a", "nonsense")
    assert done.code == EXIT_FAILED
    assert "/values/1" in done.errors and "absent.test" in done.errors and "/values/2" in done.errors


def test_who_may_only_look_purges_nothing(world, cli):
    done = cli.run("purge", f"http://{NAME}/a", HEADWATER_TOKEN=token_of(world.viewer))
    assert done.code == EXIT_FORBIDDEN, done
    assert cli.run("purge", f"http://{NAME}/a", HEADWATER_TOKEN="").code == EXIT_FORBIDDEN


def test_the_edges_socket_is_asked_when_it_is_said_or_nobody_is_signed_in(make, world, cli):
    socket = world.state / "edge.socket"
    before = world.viewer.ok("listPurges")
    for words in (["--socket", socket], [f"--socket={socket}"]):
        done = cli.run("purge", *words, f"http://{NAME}/a")
        assert done.code == 0 and done.out == "purged\n", done
    assert world.viewer.ok("listPurges") == before
    stranger = Commands(make.inside("home"))
    done = stranger.run("purge", f"http://{NAME}/a")
    assert "edge" in done.errors and "/var/lib/headwater/edge.socket" in done.errors, done
    # Signed in by the file that `headwater login` makes.
    stranger.token_path.parent.mkdir(parents=True)
    stranger.token_path.write_text(f"{token_of(world.operator)}\n{cli.environment['HEADWATER_API']}\n")
    done = stranger.run("purge", f"http://{NAME}/a")
    assert done.code == 0 and "is done" in done.errors, done


def test_an_edge_that_does_not_say_so_in_time_is_told(make, world, cli):
    """One that greets, and then does nothing."""
    import socket
    import struct

    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(world.state / "control.socket"))
        hello = json.dumps({"v": LINK_VERSION, "id": "sleeper", "run": "r1", "store": "", "revision": 0, "purged": 0, "oldest": 0, "past": []}).encode()
        peer.sendall(struct.pack("<IBBBB", len(hello), 1, 0, 0, 0) + hello)
        wait_until(lambda: len(world.viewer.ok("listEdges")["items"]) == 2, "it is there", 10)
        done = cli.run("purge", f"http://{NAME}/a", "--timeout", "1s")
        assert done.code == EXIT_LATE and "is made, but 1 of 2 edges" in done.errors, done


# ---- draining ----


def test_an_address_is_drained_and_given_back(world, cli):
    world.admin.ok("createDomain", domain("w.test", "192.0.2.1", "192.0.2.2:81", backup=["192.0.2.3:8080"]))

    def written():
        seen = world.viewer.ok("readDomain", name="w.test")
        return seen["origin"]["addresses"], seen["backup"]["addresses"]

    assert cli.ok("weight", "w.test", "192.0.2.2:81", "0").startswith("w.test is at revision ")
    assert written() == (["192.0.2.1", "192.0.2.2:81:0"], ["192.0.2.3:8080"])
    assert "192.0.2.3:8080:7" in cli.ok("weight", "w.test", "192.0.2.3:8080", "7", "--of-backup", "--dry-run")
    assert written() == (["192.0.2.1", "192.0.2.2:81:0"], ["192.0.2.3:8080"])
    cli.ok("weight", "w.test", "192.0.2.3:8080", "7", "--of-backup")
    cli.ok("weight", "W.test", "192.0.2.2:81", "1")
    assert written() == (["192.0.2.1", "192.0.2.2:81"], ["192.0.2.3:8080:7"])
    done = cli.run("weight", "w.test", "192.0.2.9", "0")
    assert done.code == EXIT_FAILED and "/address" in done.errors
    assert cli.run("weight", "w.test", "192.0.2.1", "101").code == EXIT_FAILED
    assert cli.run("weight", "absent.test", "192.0.2.1", "0").code == EXIT_ABSENT
    assert cli.run("weight", "w.test", "192.0.2.1", "-1").code == EXIT_USAGE
    assert cli.run("weight", "w.test", "192.0.2.1", "none").code == EXIT_USAGE
    assert cli.run("weight", "w.test", "192.0.2.1").code == EXIT_USAGE
    assert cli.run("weight", "w.test", "192.0.2.1", "0", HEADWATER_TOKEN=token_of(world.viewer)).code == EXIT_FORBIDDEN


# ---- one's own password ----


def test_ones_own_password_is_changed(make, world):
    person = world.user("pat", "viewer")
    token = person.ok("createToken", {"label": "cli"})["token"]
    cli = Commands(make.inside("home"), "http://%s:%s" % world.address, token)
    other = "quite another password"
    done = cli.run("password", input=f"wrong {PASSWORD}\n{other}\n")
    assert done.code == EXIT_FORBIDDEN and other not in done.errors + done.out, done
    done = cli.run("password", input=f"{PASSWORD}\nshort\n")
    assert done.code == EXIT_FAILED and "/new" in done.errors
    assert cli.run("password", input=f"{PASSWORD}\n").code == EXIT_USAGE
    assert cli.run("password", input="").code == EXIT_USAGE
    done = cli.at_terminal("password", answers=[
        ("old password: ", PASSWORD + "\n"), ("new password: ", other + "\n"), ("once more: ", "something else\n")])  # fmt: skip
    assert done.code == EXIT_USAGE
    done = cli.at_terminal("password", answers=[
        ("old password: ", PASSWORD + "\n"), ("new password: ", other + "\n"), ("once more: ", other + "\n")])  # fmt: skip
    assert done.code == 0 and "the password is changed" in done.out and other not in done.out, done
    assert cli.run("whoami").code == 0  # the token is as good as before
    assert world.login("pat", other)
    assert person.call("whoami").status == 401
