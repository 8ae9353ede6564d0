"""Metrics, of the control plane and of edges: what promtool finds nothing wrong with, and what they tell."""
import re
import subprocess

import control
import pytest
from caching import wait_until
from control import domain
from origin import Reply

NAME = "measured.test"
OPEN = "application/openmetrics-text; version=1.0.0"
REPORTED = 40  # seconds: a report comes every 10


@pytest.fixture(scope="module")
def world(make_once):
    origin = make_once.origin("one")
    origin.default = Reply(body=b"0123456789")
    plane = control.Plane(make_once, "serve")
    plane.admin.ok("createDomain", domain(NAME, origin.address, cache={"mode": "off"}))
    wait_until(lambda: plane.program.get("/", host=NAME).status == 200, "the domain is served", 10)
    return plane


def check(text):
    """What promtool says of the text: nothing."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and not done.stderr and not done.stdout, (done.stdout, done.stderr, text)


def samples(text):
    """The value of each series; there are no two of one name and labels, and each is of the family before it."""
    found, family = {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            family = line.split()[2]
        elif not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            assert series not in found and re.match(rf"{family}(_total)?(\{{|$)", series), line
            found[series] = int(value)
    return found


def test_those_of_the_control_plane(world):
    answer = world.viewer.call("readMetrics")
    assert answer.status == 200 and answer.fields["Content-Type"].startswith("text/plain; version=0.0.4")
    check(answer.body.decode())
    found = samples(answer.body.decode())
    assert found["headwater_control_edges"] == 1 and found["headwater_control_store_works"] == 1
    assert found["headwater_control_domains"] == 1 and found["headwater_control_edges_behind"] == 0
    assert found['headwater_control_answers_total{status="200"}'] >= 1


def test_what_edges_count_is_added_up(world):
    series = f'headwater_fleet_requests_total{{domain="{NAME}"}}'

    def read():
        return samples(world.viewer.call("readMetrics").body.decode())

    wait_until(lambda: read().get(series, 0) >= 1, "the requests are told", REPORTED)
    found = read()
    check(world.viewer.call("readMetrics").body.decode())
    assert found[f'headwater_fleet_origin_bytes_total{{domain="{NAME}",role="origin"}}'] >= 10


def test_open_metrics_where_they_are_wanted(world):
    answer = world.viewer.call("readMetrics", fields={"Accept": OPEN})
    text = answer.body.decode()
    assert answer.fields["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("\n# EOF\n") and "# TYPE headwater_control_answers counter\nheadwater_control_answers_total{" in text
    assert samples(text)["headwater_control_edges"] == 1


def test_a_token_is_needed(world):
    assert world.stranger.call("readMetrics").status == 401
