"""Every way of breaking, at every place, in bodies of every size and framing, for every kind of client and use of the cache: the
body is byte-exact, or the break is visible; never silent, never mixed. Rows are chosen so that each two of the values meet
in one (pairwise); `soak` has all of them, and bodies of 3 GB."""
import itertools
import random

import content
import pytest
from broken import CLIENTS, File, ask
from caching import FRESH, crowd
from certificates import Authority, server_context
from domains import domain, origin_of
from origin import Reply

WAYS = ("close", "reset", "hang", "garble", "goodbye", "crawl")  # goodbye: TLS ends without close_notify
PLACES = ("first", "1%", "50%", "last", "boundary")
SIZES = (2_000, 200_000, 20 << 20)
FRAMINGS = ("length", "chunked", "close")
KINDS = (*CLIENTS, "range")
CACHES = ("filling", "joined", "off")
RESTS = ("same", "backup", "nobody")
AXES = (WAYS, PLACES, SIZES, FRAMINGS, KINDS, CACHES, RESTS)
PIECE = 1 << 20  # of the cache, or a multiple of its pieces
ROWS_MAX = 150
EXTENDED = {"origin_rules": "extended"}


def is_possible(row):
    """Whether anybody can see that it broke."""
    way, place, size, framing, _, _, _ = row
    if framing == "close" and way in ("close", "garble"):
        return False  # TCP's end is the body's
    if way == "garble" and framing != "chunked":
        return False  # it would be content
    if way == "crawl" and place == "last" and framing == "length":
        return False  # the one byte comes in time
    return not (way == "crawl" and size == 2_000 and place != "first")


def pairs_of(row):
    return {(i, row[i], k, row[k]) for i, k in itertools.combinations(range(len(row)), 2)}


def choose():
    """Greedily, rows until each pair that is possible at all is in three of them."""
    everything = [row for row in itertools.product(*AXES) if is_possible(row)]
    rows = []
    for seed in range(3):
        dice = random.Random(seed)
        missing = set().union(*(pairs_of(row) for row in everything))
        while missing:
            best = max(dice.sample(everything, 250), key=lambda row: len(pairs_of(row) & missing))
            missing -= pairs_of(best)
            rows.append(best)
    rows = list(dict.fromkeys(rows))
    assert len(rows) <= ROWS_MAX, len(rows)
    return everything, rows


EVERYTHING, CHOSEN = choose()


def name_of(row):
    return "-".join(str(value) for value in row)


def other(size, **options):
    """Another version of a file, which whoever pulls it anew may get, whole."""
    return File(size, seed="other", etag='"2"', lines=(FRESH,), **options)


class Bench:
    """A domain for each row, so that what is detected in one is not known in another; plain origins, and some in TLS."""

    def __init__(self, make, rows):
        self.rows = {row: number for number, row in enumerate(rows)}
        authority = Authority(make.inside("ca"))
        context = server_context(authority.issue(*[self.host(row) for row in rows]))
        self.plain = [make.origin(name) for name in ("master", "backup")]
        self.secure = [make.origin(name, tls=context) for name in ("secure master", "secure backup")]
        for origin in self.secure:
            origin.farewell = False
        self.server = make.headwater([self.domain(row, authority) for row in rows], EXTENDED, workers=2)

    def host(self, row):
        return f"row{self.rows[row]}.test"

    def domain(self, row, authority):
        way, _, _, _, _, cache, _ = row
        fields = {"min_rate": "1k", "min_rate_window": "1s"} if way == "crawl" else {}
        origins = self.plain
        if way == "goodbye":
            origins = self.secure
            fields |= {"protocol": "https", "tls": {"ca": str(authority.path)}}
        made = [origin_of(origin, connect_timeout="5s", head_timeout="10s", idle_timeout="1s", **fields) for origin in origins]
        return domain(*made, name=self.host(row), cache={"mode": "off" if cache == "off" else "on"},
                      failover={"budget_s": 60})  # fmt: skip

    def run(self, row):
        """What the clients got, and what a last one got afterwards; the file."""
        way, place, size, framing, kind, cache, rest = row
        first = size // 4 if kind == "range" else 0
        at = {"first": first, "1%": first + (size - first) // 100, "50%": first + (size - first) // 2,
              "last": size if framing != "length" else size - 1,
              "boundary": first + (PIECE - first % PIECE if size > 2 * PIECE else (size - first) // 4096 * 4096)}[place]  # fmt: skip
        path = f"/{self.rows[row]}"
        how = "close" if way == "goodbye" else way
        changed = other(size, framing=framing)

        def later(request):
            if rest == "same":
                return None
            return Reply(cut="before") if rest == "backup" else changed(request)

        def later_at_backup(request):
            return changed(request) if rest == "nobody" else None

        master = File(size, lines=(FRESH,), framing=framing, breaks=[(how, min(at, size))], later=later, delay=0.1)
        backup = File(size, lines=(FRESH,), framing=framing)
        backup.pulls.append(None)  # so that `later` is asked at once
        backup.later = later_at_backup
        for origin, file in zip(self.secure if way == "goodbye" else self.plain, (master, backup)):
            origin.on(path, file)
        fields = [("Range", f"bytes={first}-")] if kind == "range" else []
        one = dict(host=self.host(row), kind="1.1" if kind == "range" else kind, fields=fields)
        clients = 3 if cache == "joined" else 1
        return crowd(clients, lambda _: ask(self.server, path, **one)), first, master


def judge(row, outcome):
    got, first, file = outcome
    rest = row[-1]
    right = file.bytes(first)
    for one in got:
        if one.is_whole and one.status in (200, 206) and one.fields.get("Etag", one.fields.get("ETag")) == '"2"':
            assert rest == "nobody" and one.body == other(file.size).bytes(first), f"{one} is not the other version"
        elif one.is_whole and one.status in (200, 206):
            assert one.body == right, f"{one} is not the file"
        elif one.status in (200, 206):
            assert right.startswith(one.body), f"{one} is no part of the file"
        else:
            assert one.status in (0, 502, 504), one
        assert (one.is_whole and one.status in (200, 206)) or rest == "nobody", f"{one} could have been finished"


@pytest.fixture(scope="module", name="bench")
def _bench(make_once):
    return Bench(make_once, CHOSEN)


@pytest.fixture(scope="module", name="outcomes")
def _outcomes(bench, side_by_side):
    return side_by_side(bench.run, CHOSEN)


@pytest.mark.parametrize("row", CHOSEN, ids=name_of)
def test_a_body_that_breaks_off_is_exact_or_visibly_broken(outcomes, row):
    judge(row, outcomes[row])


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
def test_all_of_the_matrix(make, part):
    rows = EVERYTHING[part::20]
    for at in range(0, len(rows), 100):
        bench = Bench(make, rows[at : at + 100])
        for row, outcome in zip(rows[at : at + 100], crowd(8, lambda number: [  # noqa: B023
            (one, bench.run(one)) for one in rows[at : at + 100][number::8]])):  # fmt: skip
            for one, what in outcome:
                judge(one, what)


HUGE = (3 << 30) + 12345


@pytest.mark.soak
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("place", [1 << 20, (1 << 31) + 5, HUGE - 1])
def test_three_gigabytes_are_taken_up(make, framing, place):
    origin = make.origin("master")
    file = origin.default = File(HUGE, framing=framing, breaks=[("reset", place)])
    server = make.headwater([domain(origin_of(origin, idle_timeout="10s"), cache={"mode": "off"})])
    response = server.get("/huge", keep=False, timeout=900)
    assert (response.size, response.digest) == (HUGE, content.digest(file.seed, HUGE))
    assert len(file.pulls) == 2
