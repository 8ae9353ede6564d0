#!/usr/bin/python3
"""Lists the tests that are there, for Meson and for script/test.

Usage: tools/list_tests.py unit    `<room> <file>` for each tests/unit/<room>/test_<file>.c
       tools/list_tests.py fuzz    `fuzz_<name> <what it links>...` for each tests/fuzz/fuzz_<name>.c
"""
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"


def unit():
    for path in sorted(TESTS.glob("unit/*/test_*.c")):
        yield path.parent.name, path.stem.removeprefix("test_")


def fuzz():
    for path in sorted(TESTS.glob("fuzz/fuzz_*.c")):
        with path.open() as file:
            first = file.readline()
        links = re.match(r"/\* fuzz: ([a-z0-9 ]+?) - ", first)
        if not links:
            sys.exit(f"{path}:1: write what it links: /* fuzz: http - what it does */")
        yield path.stem, *links[1].split()


if __name__ == "__main__":
    for row in {"unit": unit, "fuzz": fuzz}[sys.argv[1]]():
        print(*row)
