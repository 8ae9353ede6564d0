#!/usr/bin/python3
"""What Headwater costs beside its peers: responses passed through and cached, TLS, HTTP/2, crowds, idle connections.

Usage: script/bench [pass|resume|hit|tls|h2|handshake|collapse|idle|count|count-resume]
                    [--servers LIST] [--rounds N] [--seconds N]
                    [--connections N] [--sizes LIST] [--clients N] [--idle N] [--tls] [--cores SERVER,LOAD]
bench/README.md says how to read it.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import tempfile

from client import EVENTS, HITS
from collapse import bench_collapse
from cost import bench_h2, bench_handshake, bench_hit, bench_pass
from count import bench_count, bench_count_resume
from idle import bench_idle
from pairs import bench_resume
from servers import Bench

# For each measurement: what does it, who takes part, and how the servers are set up.
MEASUREMENTS = {
    "pass": (bench_pass, "floor,headwater,nginx,haproxy", {}),
    "resume": (bench_resume, "headwater,headwater-unready", {}),
    "hit": (bench_hit, "floor,headwater,headwater-disk,nginx,nginx-nopush,haproxy,varnish,h2o", {"cached": True}),
    "tls": (bench_hit, "floor,headwater,nginx,haproxy,h2o", {"cached": True, "secure": True}),
    "h2": (bench_h2, "headwater,nginx,haproxy,h2o", {"cached": True, "secure": True}),
    "handshake": (bench_handshake, "floor,headwater,nginx,haproxy,h2o", {"cached": True, "secure": True}),
    "collapse": (bench_collapse, "direct,headwater,nginx,haproxy,varnish", {"cached": True, "workers": 2}),
    "idle": (bench_idle, "headwater,nginx,haproxy", {}),
    "count": (bench_count, "headwater", {"cached": True, "secure": True}),
    "count-resume": (bench_count_resume, "headwater,headwater-unready", {}),
}
SIZES = {"resume": list(EVENTS), "count-resume": list(EVENTS), "hit": list(HITS), "tls": ["1k", "100k"], "h2": ["1k"]}


def words(text):
    return text.split(",")


def options_of_command_line():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", choices=MEASUREMENTS, default="pass")
    parser.add_argument("--servers", type=words, help="; ".join(
        f"{what}: {names}" for what, (_, names, _) in MEASUREMENTS.items()))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement of CPU")
    parser.add_argument("--connections", type=int, default=64, help="of wrk")
    parser.add_argument("--sizes", type=words, help="; ".join(
        f"{what}: {','.join(sizes)}" for what, sizes in SIZES.items()))
    parser.add_argument("--clients", type=int, default=200, help="of the crowd")
    parser.add_argument("--idle", type=int, default=4000, help="idle connections")
    parser.add_argument("--requests", type=int, default=20000, help="whose instructions are counted")
    parser.add_argument("--functions", type=int, default=40, help="that are told by name, those that take most")
    parser.add_argument("--libraries", help="a folder with other builds of libraries, as with symbols; of count")
    parser.add_argument("--keep", help="where what callgrind wrote is kept")
    parser.add_argument("--tls", action="store_true", help="idle connections have it")
    parser.add_argument("--cores", type=lambda text: [int(core) for core in words(text)], default=[0, 1],
                        help="the servers', and that of origin and load")
    parser.add_argument("--json", type=pathlib.Path, help="writes every round there")
    parser.add_argument("--h2", action="store_true", help="and speak HTTP/2 over it")
    options = parser.parse_args()
    options.tls |= options.h2
    if options.tls and options.what != "idle":
        parser.error("--tls is for idle connections; hits over it are script/bench tls")
    options.sizes = options.sizes or SIZES.get(options.what, [])
    if unknown := set(options.sizes) - set(HITS) - set(EVENTS):
        parser.error(f"no such size: {', '.join(sorted(unknown))}")
    options.servers = options.servers or words(MEASUREMENTS[options.what][1])
    return options


def folder_in_memory():
    """For what a server keeps in files: no disk is to be measured."""
    shared = "/dev/shm"
    return tempfile.mkdtemp(prefix="headwater-bench-", dir=shared if os.access(shared, os.W_OK) else None)


def main():
    options = options_of_command_line()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {options.cores[1]})
    folder, memory = tempfile.mkdtemp(prefix="headwater-bench-"), folder_in_memory()
    run, _, setup = MEASUREMENTS[options.what]
    if options.tls:
        setup = setup | {"secure": True}
    try:
        rows = run(Bench(folder, memory, options.cores, **setup), options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(memory, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
