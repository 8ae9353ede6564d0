"""Random requests to an origin that says random things of its answers: whatever the cache gives, RFC 9111 allows it.

The reading of the fields here is one of its own. HEADWATER_SEED repeats a run.
"""
import email.utils
import os
import random
import re
import time

import pytest
import wire
from caching import Site, fields_of, says, status_of, word

PATHS = 12
SLACK_S = 3
NUMBERS = ["0", "5", "100", "1000", "1000", "100000", "99999999999999999999"]
LANGUAGES = ["en", "de", "en, de", "EN", "fr;q=0.5"]
CODINGS = ["gzip", "br, gzip", "gzip;q=0", "identity", "*", "gzip, deflate, br, zstd", "*;q=0"]


# ---- what the origin says ----

def directive(rng, is_targeted=False):
    number = rng.choice(NUMBERS)
    if is_targeted:
        number = number[:15]
    elif rng.random() < 0.1:
        number = rng.choice(['"100"', "x", "-5", "1.5", ""])
    said = rng.choice([f"max-age={number}"] * 4 + [f"s-maxage={number}"] * 2 + [
        "public", "public", "private", "no-store", "no-cache", "must-revalidate", "proxy-revalidate", "must-understand",
        'private="X-Own"', 'no-cache="X-Own, Set-Cookie"', f"stale-while-revalidate={number}", f"stale-if-error={number}",
        "immutable", "own=1", 'own="a, no-store"',
    ])  # fmt: skip
    return said if is_targeted or rng.random() < 0.8 else said.title()


def answer_lines(rng):
    lines = []
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        lines.append("Cache-Control: " + ", ".join(directive(rng) for _ in range(rng.randint(1, 3))))
    if rng.random() < 0.15:
        lines.append("CDN-Cache-Control: " + ", ".join(directive(rng, True) for _ in range(rng.randint(1, 2))))
    if rng.random() < 0.2:
        lines.append("Expires: " + rng.choice(["0", "{now+100}", "{now-100}", "{now+1000}", "never"]))
    if rng.random() < 0.4:
        lines.append("Age: " + rng.choice(["50", "150", "950", "1100", "x", "-1", "50, 60", "0"]))
    if rng.random() < 0.3:
        lines.append("Date: " + rng.choice(["{now-50}", "{now-2000}", "{now+100}", "yesterday"]))
    if rng.random() < 0.3:
        lines.append("Vary: " + rng.choice(["X-Kind", "Accept-Language", "Accept-Encoding", "x-kind, Accept-Encoding", "*",
                                            "X-Forwarded-Proto", "X-Forwarded-For", "X-Kind,, Cookie"]))  # fmt: skip
    if rng.random() < 0.1:
        lines.append("Pragma: no-cache")
    if rng.random() < 0.08:
        lines.append("Set-Cookie: a=b")
    if rng.random() < 0.2:
        lines.append("X-Own: 1")
    if rng.random() < 0.3:
        lines.append("Last-Modified: {now-5000}")
    return lines


class Origin:
    """Answers with its state of a path; what it was asked is remembered by the number in X-Number."""

    def __init__(self, rng):
        self.rng = rng
        self.requests = {}
        self.states = {}
        self.number = 0

    def change(self, path):
        status = self.rng.choice([200] * 12 + [404, 301, 503, 500, 403, 410, 203])
        etag = self.rng.choice(['"%d"', '"%d"', 'W/"%d"', None])
        etag = etag and etag % self.rng.randrange(10**6)
        self.states[path] = status, etag, answer_lines(self.rng)

    def answer(self, request):
        path = request.path
        if path not in self.states:
            self.change(path)
        status, etag, lines = self.states[path]
        self.number += 1
        self.requests[self.number] = request
        number = f"X-Number: {self.number}"
        if request.method not in ("GET", "HEAD"):
            return says(number, status=self.rng.choice([200, 201, 204, 403, 500]))
        if etag and status == 200 and etag in request.fields.get("If-None-Match", ""):
            return says(number, f"ETag: {etag}", *lines, status=304)
        more = [f"ETag: {etag}"] if etag else []
        if status == 301:
            more.append("Location: /elsewhere")
        return says(number, *more, *lines, status=status, body=b"%d %s" % (self.number, path.encode()))


# ---- the reading of what came ----

ITEM = re.compile(r'\s*([^\s,="]*)\s*(=\s*("(?:[^"\\]|\\.)*"|[^",]*))?\s*([^,]*)(,|$)')


def directives(values):
    """(name, argument) pairs of a list of lines; the argument without its quotes, None without one."""
    read = []
    for value in values:
        at = 0
        while at < len(value):
            match = ITEM.match(value, at)
            name, has, argument, rest, _ = match.groups()
            at = max(match.end(), at + 1)
            if not name:
                continue
            if rest or (has and not re.match(r'[^\s]*=(?!\s)', value[match.start(1):])):
                argument = "?"
            if argument is not None:
                argument = argument.strip()
            read.append((name.lower(), argument[1:-1] if argument and argument[0] == argument[-1] == '"' and len(argument) > 1
                         else argument))  # fmt: skip
    return read


def seconds(given):
    """The least lifetime that may be meant."""
    return min(int(text) if text is not None and re.fullmatch(r"[0-9]+", text) else 0 for text in given)


def told(fields):
    """What a response says of itself: a dict of lists of arguments."""
    said = {}
    targeted = fields.all("CDN-Cache-Control")
    is_bad = any(re.search(r'(=$|=[^0-9"]|=-|="?[0-9]*\.|, *$)', value) for value in targeted)
    source = targeted if targeted and not is_bad else fields.all("Cache-Control")
    for name, argument in directives(source):
        # Of a dictionary the last one counts (RFC 8941 4.2.2).
        said[name] = [argument] if source is targeted else [*said.get(name, []), argument]
    if not (targeted and not is_bad) and not source and "no-cache" in ",".join(fields.all("Pragma")).lower():
        said["no-cache"] = [None]
    return said, bool(targeted) and not is_bad


def whole(said, name):
    """Whether private or no-cache is meant for all of a response."""
    return any(argument in (None, "", "?") for argument in said.get(name, []))


def lifetime(response):
    """The most seconds that it may be fresh; None: nothing says."""
    said, is_targeted = told(response.fields)
    for name in ("s-maxage", "max-age"):
        if name in said:
            return seconds(said[name])
    if not is_targeted and "Expires" in response.fields:
        if not email.utils.parsedate_tz(response.fields.get("Date")):
            return 1000 + SLACK_S  # of its arrival
        dates = [email.utils.parsedate_tz(response.fields.get(name)) for name in ("Date", "Expires")]
        return max(0, email.utils.mktime_tz(dates[1]) - email.utils.mktime_tz(dates[0])) if all(dates) else 0
    return 86400 if "Last-Modified" in response.fields else None


def codings(values):
    members = [member.strip().split(";") for member in ",".join(values).split(",") if member.strip()]
    said = {name.strip(): not any(re.fullmatch(r"\s*q=0(\.0*)?\s*", rest) for rest in more) for name, *more in members}
    rest = said.get("*")
    wanted = {name for name in ("gzip", "br") if said.get(name, rest or False)}
    return frozenset(wanted | ({"identity"} if said.get("identity", rest is not False) else set()))


def selecting(name, fields):
    """What a field means for the choice of a response. What Connection names no origin has seen (RFC 9110 7.6.1)."""
    values = fields.all(name)
    if name == "accept-encoding":
        return codings(values)
    if name in fields.tokens("Connection"):
        return None
    joined = re.sub(r"\s*([,;])\s*" if name == "accept-language" else r"\s+", r"\1" if name == "accept-language" else " ",
                    ", ".join(values)) if values else None  # fmt: skip
    return joined.lower() if joined and name == "accept-language" else joined


class Check:
    def __init__(self, origin, changed):
        self.origin = origin
        self.changed = changed  # path -> the last number before a write that succeeded

    def stored(self, lines, path, response, is_its_own=False):
        """It was remembered: may it have been, and be given to this request? `is_its_own`: the origin was asked for this
        client, who may have what is for one client alone."""
        said, _ = told(response.fields)
        number = int(response.fields.get("X-Number"))
        asked = self.origin.requests[number]
        assert asked.path == path and asked.method == "GET"
        assert number > self.changed.get(path, 0), "it was made invalid (RFC 9111 4.4)"
        assert "no-store" not in said or "must-understand" in said, "5.2.2.5"
        assert not whole(said, "private"), "5.2.2.7"
        assert is_its_own or "Set-Cookie" not in response.fields
        named = [name for key in ("private", "no-cache") if not whole(said, key) for argument in said.get(key, []) for name in
                 re.split(r"[\s,]+", argument.lower())]  # fmt: skip
        assert is_its_own or not ("x-own" in named and "X-Own" in response.fields), "5.2.2.4, 5.2.2.7"
        if "Authorization" in asked.fields:
            assert any(name in said for name in ("public", "s-maxage", "must-revalidate")), "3.5"
        vary = response.fields.tokens("Vary")
        assert "*" not in vary and "x-forwarded-for" not in vary, "4.1"
        if response.body:
            base = self.origin.requests[int(response.body.split()[0])]
            assert response.body.split()[1].decode() == path
            for name in vary:
                if name != "x-forwarded-proto":
                    assert selecting(name, base.fields) == selecting(name, lines), f"4.1: {name}"

    def fresh(self, lines, path, response):
        self.stored(lines, path, response)
        said, _ = told(response.fields)
        age, most = int(response.fields.get("Age")), lifetime(response)
        assert not whole(said, "no-cache"), "5.2.2.4"
        assert most is not None and age <= most, "4.2"
        asked = dict(directives(lines.all("Cache-Control")))
        assert "no-cache" not in asked and ("Cache-Control" in lines or "Pragma" not in lines), "5.2.1.4, 5.4"
        if "max-age" in asked:
            assert age <= int(asked["max-age"]), "5.2.1.1"
        if "min-fresh" in asked:
            assert most - age >= int(asked["min-fresh"]), "5.2.1.3"
        assert "no-store" not in asked

    def unchanged(self, lines, response):
        etag = response.fields.get("ETag")
        if "If-None-Match" in lines:
            opaque = [member.strip().removeprefix("W/") for member in lines.get("If-None-Match").split(",")]
            assert etag and etag.removeprefix("W/") in opaque, "RFC 9110 13.1.2"
        else:
            assert "If-Modified-Since" in lines, "RFC 9110 15.4.5"
        assert not response.body and "Content-Length" not in response.fields

    def stale(self, lines, path, response, has_failed):
        self.stored(lines, path, response)
        said, _ = told(response.fields)
        age, most = int(response.fields.get("Age")), lifetime(response)
        asked = dict(directives(lines.all("Cache-Control")))
        for name in ("must-revalidate", "proxy-revalidate"):
            assert age <= (most or 0) or name not in said, f"5.2.2.2, 5.2.2.8: {name}"
        assert not whole(said, "no-cache"), "5.2.2.4"
        windows = [seconds(said[name]) for name in ("stale-while-revalidate", "stale-if-error") if name in said]
        if "s-maxage" in said and age > most:
            assert windows, "5.2.2.10"
        if not has_failed:
            most_stale = asked.get("max-stale", "0" if "max-stale" not in asked else None)
            allowed = max([0 if "stale-while-revalidate" not in said else seconds(said["stale-while-revalidate"]),
                           10**12 if most_stale is None else int(most_stale)])
            assert age - (most or 0) <= allowed + SLACK_S, "RFC 5861 3, RFC 9111 5.2.1.2"


# ---- requests ----

def request_lines(rng, etag):
    lines = []
    if rng.random() < 0.35:
        lines.append("Cache-Control: " + rng.choice(["no-cache", "max-age=0", "max-age=60", "min-fresh=500", "max-stale", "no-store",
                                                     "max-stale=60", "only-if-cached", "max-age=1000, max-stale=1000"]))  # fmt: skip
    if rng.random() < 0.05:
        lines.append("Pragma: no-cache")
    if rng.random() < 0.15:
        lines.append("Authorization: Basic eDp5")
    if rng.random() < 0.4:
        lines.append("X-Kind: " + rng.choice(["a", "b", "a  b"]))
    if rng.random() < 0.4:
        lines.append("Accept-Language: " + rng.choice(LANGUAGES))
    if rng.random() < 0.5:
        lines.append("Accept-Encoding: " + rng.choice(CODINGS))
    if rng.random() < 0.1:
        lines.append("Cookie: " + rng.choice(["a=1", "b=2"]))
    if rng.random() < 0.05:
        lines.append("Connection: " + rng.choice(["X-Kind", "close, Accept-Language", "Accept-Encoding", "Authorization, cookie"]))
    if rng.random() < 0.05:
        lines.append("Range: bytes=0-")
    if rng.random() < 0.05:
        lines.append("If-Modified-Since: " + rng.choice(["{now}", "{now-10000}"]))
    if etag and rng.random() < 0.1:
        lines.append("If-None-Match: " + rng.choice([etag, f'"x", {etag}', '"x"', etag.removeprefix("W/")]))
    return lines


def settle(origin):
    """What is validated behind a stale response must not count as asked for by the next request."""
    number = None
    while number != origin.number:
        number = origin.number
        time.sleep(0.1)


def run(site, seed, count):
    rng = random.Random(seed)
    origin = Origin(rng)
    site.origin.default = origin.answer
    changed, words = {}, {}
    check = Check(origin, changed)
    base = site.path()
    for step in range(count):
        path = f"{base}/{rng.randrange(PATHS)}"
        if rng.random() < 0.15:
            origin.change(path)
        method = rng.choices(["GET", "HEAD", "POST", "DELETE"], [20, 3, 1, 1])[0]
        lines = request_lines(rng, origin.states.get(path, (0, None))[1])
        before = origin.number
        fields = wire.Fields(fields_of(lines))
        response = site.ask(method, path, *lines)
        try:
            examine(check, changed, method, path, fields, response, before)
        except AssertionError as error:
            raise AssertionError(f"HEADWATER_SEED={seed}, step {step}: {method} {path} {lines} -> {response.status} "
                                 f"{list(response.fields)} {response.body!r}: {error}") from error  # fmt: skip
        words[word(response)] = words.get(word(response), 0) + 1
        if word(response) == "STALE":
            settle(origin)
    return words


def examine(check, changed, method, path, fields, response, before):
    asked = dict(directives(fields.all("Cache-Control")))
    now = check.origin.number
    if "only-if-cached" in asked and method in ("GET", "HEAD"):
        assert response.status == 504 or word(response) in ("HIT", "STALE"), "5.2.1.7"
    if response.error:
        assert response.error == "only_if_cached", response.error
        return
    status_of(response)
    if method in ("POST", "DELETE"):
        assert word(response) == "PASS" and now > before
        if response.status < 400:
            changed[path] = now
        return
    if response.status == 304:
        check.unchanged(fields, response)
    elif word(response) == "HIT":
        check.fresh(fields, path, response)
    elif word(response) == "STALE":
        check.stale(fields, path, response, now > before)
    elif word(response) == "REVALIDATED":
        assert now >= int(response.fields.get("X-Number")) > before
        check.stored(fields, path, response, is_its_own=True)
    else:
        assert now > before and int(response.fields.get("X-Number")) > before, "what passes is new"
        if response.body:
            assert int(response.body.split()[0]) > before


@pytest.mark.parametrize("part", range(2))
def test_whatever_is_given_is_allowed(make, part):
    seed = int(os.environ.get("HEADWATER_SEED", time.time_ns() % 10**9)) + part
    print(f"HEADWATER_SEED={seed}")
    words = run(Site(make, workers=2), seed, 1000)
    print(words)
    assert {"HIT", "MISS", "PASS", "REVALIDATED"} <= set(words)
