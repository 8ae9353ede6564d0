#!/usr/bin/python3
"""Builds and runs the suites, counts what passed and what failed, and prints the log of what failed.

Usage: tools/suites.py [NAME]                     all suites, or what NAME means (see script/test)
       tools/suites.py --soak                     the long forms
       tools/suites.py --fuzz [SECONDS] [NAME...]
The scripts test, soak and fuzz call it, once the build folders are configured.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

import list_tests

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKED, FUZZ, RELEASE, THREADS = (ROOT / "build" / name for name in ("checked", "fuzz", "release", "threads"))
FUZZ_SECONDS, FUZZ_SECONDS_SOAK = 5, 60
UNIT_TIMEOUT_S = 120
UNIT_TIMEOUT_SOAK_S = 3600
AT_ONCE = 2          # programs that keep a core busy
UNIT_AT_ONCE = 4     # those that wait for time to pass or for a disk as well
FUNCTIONAL_AT_ONCE = 4  # those that mostly wait
FEW_FAILED = 3       # that may show by themselves that they were merely held up
LOG_LINES = 60

ENVIRONMENT = os.environ | {
    "ASAN_OPTIONS": "abort_on_error=0:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "CMOCKA_MESSAGE_OUTPUT": "TAP",
    "HEADWATER": str(CHECKED / "headwater"),
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Count:
    """What passed and what failed of one suite, and the logs of what failed."""

    def __init__(self):
        self.passed = self.failed = 0
        self.logs = []
        self.failures = []  # pytest's names of what failed, where they are known

    def add(self, passed, failed, log=""):
        self.passed += passed
        self.failed += failed
        if failed:
            self.logs.append(log)
        return self


def run(command, **options):
    """A finished process, its errors among its output."""
    standard = {"cwd": ROOT, "env": ENVIRONMENT, "stderr": subprocess.STDOUT}
    return subprocess.run([str(word) for word in command], text=True, errors="replace", stdout=subprocess.PIPE, **standard | options)


def tail(text, lines=LOG_LINES):
    every = text.rstrip().splitlines()
    return "\n".join(([f"... ({len(every) - lines} lines before)"] if len(every) > lines else []) + every[-lines:])


def build(folder, targets=()):
    done = run(["ninja", "-C", folder, "--quiet", "-k", "0", *targets])
    return Count().add(1, 0) if done.returncode == 0 else Count().add(0, 1, tail(done.stdout))


def tidy():
    done = run(["tools/tidy.py"])
    return Count().add(0 if done.returncode else 1, 1 if done.returncode else 0, done.stdout)


def unit_one(name, folder=CHECKED, timeout=UNIT_TIMEOUT_S, environment=None):
    """One test program: cmocka counts its tests; a program that died counts as one failure more."""
    try:
        done = run([folder / "tests/unit" / name], timeout=timeout, env=ENVIRONMENT | (environment or {}))
    except subprocess.TimeoutExpired as late:
        return 0, 1, f"{name}: not done after {timeout} s\n{tail((late.stdout or b'').decode(errors='replace'))}"
    passed = len(re.findall(r"^ok \d", done.stdout, flags=re.M))
    failed = len(re.findall(r"^not ok \d+(?!.*# SKIP)", done.stdout, flags=re.M))
    if failed == 0 and (done.returncode != 0 or passed == 0):
        failed = 1
    shown = "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok "))
    return passed, failed, f"{name}:\n{tail(shown)}"


def unit(names, folder=CHECKED, timeout=UNIT_TIMEOUT_S, at_once=UNIT_AT_ONCE):
    count = Count()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for result in pool.map(lambda name: unit_one(name, folder, timeout), names):
            count.add(*result)
    return count


def unit_of_many_deaths():
    """A process that writes to a disk dies in each round: a thousand of them."""
    deaths = {"HEADWATER_DEATHS": os.environ.get("HEADWATER_DEATHS", "1000")}
    return Count().add(*unit_one("test_cache_writer", timeout=UNIT_TIMEOUT_SOAK_S, environment=deaths))


def fuzz_one(name, seconds):
    short = name.removeprefix("fuzz_")
    seeds, found = ROOT / "tests/fuzz/corpus" / short, FUZZ / "corpus" / short
    dictionary = ROOT / "tests/fuzz" / f"{name}.dict"
    found.mkdir(parents=True, exist_ok=True)
    # What was found stays in the build folder, so that the next run begins where this one ended.
    done = run([FUZZ / "tests/fuzz" / name, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                "-print_final_stats=1", f"-artifact_prefix={FUZZ}/{name}-",
                *([f"-dict={dictionary}"] if dictionary.exists() else []),
                found, *([seeds] if seeds.is_dir() else [])])
    return int(done.returncode == 0), int(done.returncode != 0), f"{name}:\n{tail(done.stdout)}"


def fuzz(names, seconds):
    count = Count()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(fuzz_one, names, [seconds] * len(names)):
            count.add(*result)
    return count


def pytest(*arguments, environment=None):
    report = ROOT / "build" / "pytest.xml"
    report.unlink(missing_ok=True)
    done = run(["/usr/bin/python3", "-m", "pytest", "-q", "--tb=short", "-ra", f"--junitxml={report}", *arguments],
               env=ENVIRONMENT | (environment or {}))
    if done.returncode == 5:  # nothing was collected, or nothing was left of it
        return Count()
    if not report.exists():
        return Count().add(0, 1, tail(done.stdout))
    passed = failed = 0
    failures = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            failures.append(f"tests/functional/{case.get('classname')}.py::{case.get('name')}")
        elif case.find("skipped") is None:
            passed += 1
    if done.returncode not in (0, 1) and failed == 0:
        failed = 1
    count = Count().add(passed, failed, tail(done.stdout, 3 * LOG_LINES))
    count.failures = failures
    return count


def functional(marks, *more):
    """On a machine that may be busy with others: a few that fail are asked again by themselves, and that is told. What
    fails twice has failed."""
    count = pytest("tests/functional", "-m", marks, *more)
    if not 0 < len(count.failures) == count.failed <= FEW_FAILED:
        return count
    again = pytest(*count.failures)
    if again.failed or again.passed != count.failed:
        return count
    print(f"[the second time only: {', '.join(count.failures)}]\n{tail(count.logs[0])}\n{'':34}", end="", flush=True)
    return Count().add(count.passed + again.passed, 0)


def console():
    """Leaves the console in build/console, and what its tests take from npm."""
    done = run(["script/console", "--tests"])
    return Count().add(0 if done.returncode else 1, 1 if done.returncode else 0, tail(done.stdout))


def console_logic():
    """Its types, the looks of its code, and the tests that need no browser."""
    count = Count()
    for words in (["tsc", "--noEmit", "--project", "tsconfig.test.json"], ["biome", "check", "src", "vite.config.ts"]):
        done = run(["node_modules/.bin/" + words[0], *words[1:]], cwd=ROOT / "console")
        count.add(0 if done.returncode else 1, 1 if done.returncode else 0, tail(done.stdout))
    done = run(["node_modules/.bin/vitest", "run", "--reporter=json"], cwd=ROOT / "console", stderr=subprocess.DEVNULL)
    try:
        told = json.loads(done.stdout[done.stdout.index("{"):])
    except ValueError:
        return count.add(0, 1, tail(done.stdout))
    passed, failed = told["numPassedTests"], told["numFailedTests"] + told["numFailedTestSuites"]
    words = "\n".join(message for suite in told["testResults"] for test in suite["assertionResults"] for message in test["failureMessages"])
    return count.add(passed, failed or int(done.returncode != 0), tail(words or done.stdout))


def units():
    return [f"test_{room}_{file}" for room, file in list_tests.unit()]


def racing_units():
    """Tests of what threads share: all of the cache's, and those that begin threads of their own."""
    for room, file in list_tests.unit():
        source = (ROOT / "tests/unit" / room / f"test_{file}.c").read_text()
        if room == "cache" or re.search(r"\b(thread_start|pthread_create)\(", source):
            yield f"test_{room}_{file}"


def fuzzes():
    return [row[0] for row in list_tests.fuzz()]


def present(folder, names):
    """Those that Meson makes: a test whose room is not there yet has no program."""
    listed = run(["ninja", "-C", folder, "-t", "targets", "all"]).stdout
    made = {line.split(":")[0].rpartition("/")[2] for line in listed.splitlines()}
    return [name for name in names if name in made]


def all_suites():
    optimised = {"HEADWATER": str(RELEASE / "headwater")}
    yield "build with gcc, ASan and UBSan", lambda: build(CHECKED)
    yield "build with clang and libFuzzer", lambda: build(FUZZ)
    yield "build optimised", lambda: build(RELEASE)
    yield "tidy", tidy
    yield "tests of the tools", lambda: pytest("tests/tools", "-n", AT_ONCE)
    yield "unit", lambda: unit(present(CHECKED, units()))
    yield "functional", lambda: functional("not soak and not timing and not alone", "-n", FUNCTIONAL_AT_ONCE)
    yield "functional, one at a time", lambda: functional("alone and not soak and not timing")
    yield "functional, optimised", lambda: pytest("tests/functional", "-m", "timing and not soak", environment=optimised)
    yield "build of the console", console
    yield "logic of the console", console_logic
    yield "browser", lambda: pytest("tests/browser", "-n", AT_ONCE)
    yield f"fuzz, {FUZZ_SECONDS} s each", lambda: fuzz(present(FUZZ, fuzzes()), FUZZ_SECONDS)


def soak_suites():
    yield "build with gcc, ASan and UBSan", lambda: build(CHECKED)
    yield "build with clang and libFuzzer", lambda: build(FUZZ)
    racing = list(racing_units())
    yield "build with TSan", lambda: build(THREADS, ["headwater", *(f"tests/unit/{name}" for name in racing)])
    yield "unit, TSan", lambda: unit(racing, THREADS, UNIT_TIMEOUT_SOAK_S, AT_ONCE)
    threads = {"HEADWATER": str(THREADS / "headwater")}
    yield "functional, TSan", lambda: pytest("tests/functional", "-m", "racing and not soak", environment=threads)
    yield "unit, many deaths", unit_of_many_deaths
    yield "functional, long", lambda: pytest("tests/functional", "-m", "soak")
    yield f"fuzz, {FUZZ_SECONDS_SOAK} s each", lambda: fuzz(present(FUZZ, fuzzes()), FUZZ_SECONDS_SOAK)


def one_suite(name):
    """What a name means: tidy, a unit test or a room's, a fuzz target, or an expression of pytest."""
    if name == "tidy":
        yield "tidy", tidy
        return
    path = pathlib.PurePath(name)
    if path.suffix == ".c":  # tests/unit/http/test_head.c
        name = path.stem if path.stem.startswith("fuzz_") else f"test_{path.parent.name}_{path.stem[5:]}"
    chosen = [test for test in units() if test == name or test.startswith(f"test_{name}_")]
    if chosen:
        yield "build", lambda: build(CHECKED, [f"tests/unit/{test}" for test in chosen])
        yield "unit", lambda: unit(chosen)
    elif name in fuzzes():
        yield "build", lambda: build(FUZZ, [f"tests/fuzz/{name}"])
        yield "fuzz", lambda: fuzz([name], FUZZ_SECONDS)
    elif name == "console":
        yield "build of the console", console
        yield "logic of the console", console_logic
    else:
        yield "build", lambda: build(CHECKED, [*present(CHECKED, ["headwater"]), "tests/sign"])
        if name.startswith("tests/browser"):
            yield "build of the console", console
        if (ROOT / name.split("::")[0]).exists():
            yield "pytest", lambda: pytest(name)
        else:
            yield "functional", lambda: pytest("tests/functional", "-k", name)
            yield "tests of the tools", lambda: pytest("tests/tools", "-k", name)


def fuzz_suites(words):
    seconds = int(words.pop(0)) if words and words[0].isdigit() else FUZZ_SECONDS_SOAK
    names = [word if word.startswith("fuzz_") else f"fuzz_{word}" for word in words]
    unknown = [name for name in names if name not in fuzzes()]
    if unknown:
        sys.exit(f"script/fuzz: there is no {', '.join(unknown)}")
    yield "build with clang and libFuzzer", lambda: build(FUZZ)
    yield f"fuzz, {seconds} s each", lambda: fuzz(names or present(FUZZ, fuzzes()), seconds)


def main(words):
    if words[:1] == ["--fuzz"]:
        suites = fuzz_suites(words[1:])
    elif words[:1] == ["--soak"]:
        suites = soak_suites()
    elif words:
        suites = (suite for word in words for suite in one_suite(word))
    else:
        suites = all_suites()

    passed = failed = 0
    for title, suite in suites:
        began = time.monotonic()
        print(f"{title:34}", end="", flush=True)
        count = suite()
        is_build = title.startswith("build")
        words = "failed" if count.failed else "done" if is_build else f"{count.passed} passed"
        if count.failed and not is_build:
            words = f"{count.passed} passed, {count.failed} failed"
        print(f"{words}  ({time.monotonic() - began:.1f} s)", flush=True)
        for log in count.logs:
            print("    " + log.rstrip().replace("\n", "\n    "), flush=True)
        # A build is no test, but one that breaks is a failure.
        passed += 0 if is_build else count.passed
        failed += count.failed
        if is_build and count.failed:
            break
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
