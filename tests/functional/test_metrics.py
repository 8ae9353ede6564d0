"""Metrics, of the control plane and of edges: what promtool finds nothing wrong with, and what they tell."""
import http.client
import json
import os
import re
import signal
import subprocess

import control
import pytest
import yaml
from caching import wait_until
from control import domain
from origin import Reply
from program import ROOT

NAME = "measured.test"
OPEN = "application/openmetrics-text; version=1.0.0"
METRICS = re.compile(r"metrics are on (\S+)")
REPORTED = 40  # seconds: a report comes every 10


@pytest.fixture(scope="module")
def world(make_once):
    origin = make_once.origin("one")
    origin.default = Reply(body=b"0123456789")
    plane = control.Plane(make_once, "serve", flags={"metrics": "127.0.0.1:0"})
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


def ask_edge(world, path, accept="*/*"):
    """What the edge answers at its own address: status, fields, body."""
    host, _, port = METRICS.search(world.program.wait_line(METRICS.pattern, 30))[1].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def test_those_of_an_edge(world):
    for _ in range(3):
        assert world.program.get("/", host=NAME).status == 200
    status, fields, text = ask_edge(world, "/metrics")
    assert status == 200 and fields["Content-Type"].startswith("text/plain; version=0.0.4")
    check(text)
    found = samples(text)
    requests = found[f'headwater_requests_total{{domain="{NAME}"}}']
    assert requests >= 4 and found[f'headwater_bytes_out_total{{domain="{NAME}"}}'] == 10 * requests
    assert found[f'headwater_origin_pulls_total{{domain="{NAME}",role="origin"}}'] == requests
    assert found["headwater_edge_domains"] == 1 and found["headwater_edge_serves"] == 1
    # It is told at once, and telling changes nothing of it.
    assert world.program.get("/", host=NAME).status == 200
    text = ask_edge(world, "/metrics", OPEN)[2]
    assert text.endswith("# EOF\n") and samples(text)[f'headwater_requests_total{{domain="{NAME}"}}'] == requests + 1


def test_an_edge_that_follows_tells_its_own_at_the_same_address(world):
    assert ask_edge(world, "/healthz")[::2] == (200, "ok\n")
    (ended,) = world.program.edge_pids()
    os.kill(ended, signal.SIGKILL)
    wait_until(lambda: set(world.program.edge_pids()) - {ended}, "another edge is there", 20)
    # Who asks meanwhile waits in the queue of the socket.
    assert ask_edge(world, "/healthz")[0] == 200
    assert f'headwater_requests_total{{domain="{NAME}"}}' not in ask_edge(world, "/metrics")[2]
    assert ask_edge(world, "/nothing")[0] == 404


def has_one_edge(world):
    found = samples(world.viewer.call("readMetrics").body.decode())
    return found["headwater_control_edges"] == 1 and found["headwater_control_edges_behind"] == 0


def test_those_of_the_control_plane(world):
    wait_until(lambda: has_one_edge(world), "the edge is connected", 20)
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

    wait_until(lambda: world.program.get("/", host=NAME).status == 200, "the domain is served", 10)
    wait_until(lambda: read().get(series, 0) >= 1, "the requests are told", REPORTED)
    found = read()
    check(world.viewer.call("readMetrics").body.decode())
    assert found[f'headwater_fleet_origin_bytes_total{{domain="{NAME}",role="origin"}}'] >= 10


def expressions():
    """Those of the alerts and of the dashboard."""
    for group in yaml.safe_load((ROOT / "packaging/prometheus/headwater.rules.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    board = json.loads((ROOT / "packaging/grafana/headwater.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (one["query"]["query"] for one in board["templating"]["list"] if one["type"] == "query")


def test_alerts_and_the_dashboard_ask_for_what_there_is(world):
    both = world.viewer.call("readMetrics").body.decode() + ask_edge(world, "/metrics")[2]
    known = set(re.findall(r"^# TYPE (\w+)", both, flags=re.M))
    asked = {name for one in expressions() for name in re.findall(r"headwater_\w+", one)}
    assert len(asked) > 20 and asked <= known, asked - known
    done = subprocess.run(["promtool", "check", "rules", ROOT / "packaging/prometheus/headwater.rules.yml"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done


def test_open_metrics_where_they_are_wanted(world):
    answer = world.viewer.call("readMetrics", fields={"Accept": OPEN})
    text = answer.body.decode()
    assert answer.fields["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("\n# EOF\n") and "# TYPE headwater_control_answers counter\nheadwater_control_answers_total{" in text
    assert samples(text)["headwater_control_edges"] == 1


def test_a_token_is_needed(world):
    assert world.stranger.call("readMetrics").status == 401
