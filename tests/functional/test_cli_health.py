"""How the edges find addresses, by the command line: once, and again and again."""
import json
import subprocess

import control
from caching import wait_until
from commands import EXIT_ABSENT, EXIT_USAGE, Commands
from control import domain
from program import binary

NAME = "edge.test"


def begin(make):
    """A plane with an edge, a domain with a hot backup, and a viewer's command line."""
    master, backup = make.origin("master"), make.origin("backup")
    plane = control.Plane(make, "serve")
    plane.admin.ok("createDomain", domain(NAME, master.address, backup=[backup.address]))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is live", 15)
    host, port = plane.address
    token = plane.viewer.fields["Authorization"].removeprefix("Bearer ")
    return plane, master, backup, Commands(make.inside("home"), f"http://{host}:{port}", token)


def test_what_is_blocked_is_shown(make):
    plane, master, backup, cli = begin(make)
    assert cli.ok("health") == "no address is exceptional\n"
    table = cli.ok("health", NAME).splitlines()
    assert table[0].split() == ["ORIGIN", "ADDRESS", "EDGE", "STATE", "REASON", "LEFT", "LATENCY", "FAILURES"]
    assert [line.split()[:2] for line in table[1:]] == [["origin", master.address], ["backup", backup.address]]
    master.down()
    for number in range(4):
        plane.program.get(f"/{number}", host=NAME)
    wait_until(lambda: "blocked" in cli.ok("health"), "the master is blocked", 15)
    (row,) = cli.ok("health").splitlines()[1:]
    assert row.split()[:6] == [NAME, "origin", master.address, "blocked", "(host)", "connect_refused"]
    assert json.loads(cli.ok("health", "--json"))["items"][0]["state"] == "blocked"
    assert json.loads(cli.ok("health", NAME, "--json"))["name"] == NAME


def test_it_is_shown_again_every_second(make):
    plane, _, _, cli = begin(make)
    watching = subprocess.Popen([binary(), "health", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=cli.environment)  # fmt: skip
    make.closing.add(watching, lambda process: (process.kill(), process.wait(10)))
    shown = [watching.stdout.readline() for _ in range(6)]
    assert shown == ["no address is exceptional\n", "\n"] * 3
    # Nobody to ask is the end.
    plane.program.stop()
    _, errors = watching.communicate(timeout=60)
    assert watching.returncode not in (0, None) and errors.startswith("headwater health: ")


def test_what_makes_no_sense_is_told(make):
    _, _, _, cli = begin(make)
    assert cli.run("health", "absent.test").code == EXIT_ABSENT
    assert cli.run("health", NAME, "--limit", "3").code == EXIT_USAGE
    assert cli.ok("health", "--limit", "3") == "no address is exceptional\n"
