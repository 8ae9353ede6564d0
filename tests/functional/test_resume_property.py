"""Whatever two origins do to a body, drawn from a seed: no client ever gets a wrong byte, or takes a part for the whole.

RESUME_SEED=N repeats a run."""
import os
import random
import threading

import pytest
from broken import CLIENTS, HOWS, File, ask
from caching import FRESH
from domains import domain, origin_of
from origin import Reply

RESPONSES, SOAK = 2_000, 20_000
CROWD = 12
PIECE = 1 << 18  # of the cache, whose memory is small here
SIZES = (1, 100, 2_000, 16_383, 16_384, 20_000, 70_000, 300_000)
HOSTS = {"pass.test": {"mode": "off"}, "fill.test": {}}


class Story:
    """One path: its versions, and what both origins do with requests for it."""

    def __init__(self, seed, number):
        dice = self.dice = random.Random(f"{seed}/{number}")
        self.number = number
        self.path = f"/{number}"
        self.host = dice.choice(list(HOSTS))
        size = dice.choice(SIZES) + dice.choice((0, 0, 1, 77))
        framing = dice.choice(("length", "length", "chunked"))
        etag = dice.choice(('"1"', '"1"', '"1"', 'W/"1"', None))
        modified = dice.choice((None, "Sun, 06 Nov 1994 08:49:37 GMT"))
        self.versions = [self.version(f"{number}/1", size, framing, etag, modified)]
        if dice.random() < 0.3:  # another version, or the same in all but its bytes
            # A strong ETag that lies is found out by what overlaps. Pieces of a cached object have nothing in common, and
            # nobody could tell (RFC 9110 8.8.1): larger bodies have honest ones.
            is_liar = dice.random() < 0.3 and etag == '"1"' and size <= PIECE
            other = etag if is_liar else '"2"'
            length = size if dice.random() < 0.5 else size + dice.choice((-1, 1, 1000)) or 1
            self.versions.append(self.version(f"{number}/2", max(1, length), framing, other, modified))
        self.lock = threading.Lock()

    def version(self, seed, size, framing, etag, modified):
        dice = self.dice
        lines = (FRESH, "Date: {now}")
        return File(size, seed=seed, framing=framing, etag=etag, modified=modified, lines=lines,
                    coding=dice.choice((None, None, None, "gzip")), ranges=dice.random() < 0.85)  # fmt: skip

    def answer(self, request):
        with self.lock:
            dice = self.dice
            file = self.versions[0] if dice.random() < 0.8 else dice.choice(self.versions)
            drawn = dice.random()
            if drawn < 0.05:
                return Reply(cut="before", how=dice.choice(("close", "reset")))
            if drawn < 0.08:
                return Reply(status=dice.choice((404, 416, 500, 503)), body=b"no")
            if drawn < 0.6:
                hows = ["close", "reset", "close", "reset", "garble"] + (["hang"] if dice.random() < 0.05 else [])
                how = dice.choice(hows if file.framing == "chunked" else [how for how in hows if how != "garble"])
                file.breaks = [(how, dice.choice((0, 1, file.size // 2, file.size - 1, dice.randrange(file.size))))]
            else:
                file.breaks = []
            return file(request)

    def is_right(self, got, first):
        """Whether it is a whole version from there on, or a part of one that is seen to be no more."""
        for file in self.versions:
            whole = file.bytes(first) if first < file.size else b""
            if got.body == whole if got.is_whole else whole.startswith(got.body):
                return True
        return False


def run(make, seed, count):
    assert set(HOWS) >= {"close", "reset", "garble", "hang"}
    origins = [make.origin("master"), make.origin("master2"), make.origin("backup")]
    times = {"connect_timeout": "5s", "head_timeout": "10s", "idle_timeout": "1s"}
    made = [domain(origin_of(origins[:2], **times), origin_of(origins[2], **times), name=host, cache=cache)
            for host, cache in HOSTS.items()]  # fmt: skip
    server = make.headwater(made, {"block_time": "100ms", "block_time_max": "200ms", "ramp_time": "100ms"}, workers=2)
    stories = [Story(seed, number) for number in range(count)]
    for origin in origins:
        origin.default = lambda request: stories[int(request.path[1:])].answer(request)
    wrong, ends = [], {"whole": 0, "broken": 0, "error": 0, "resumed": 0}

    def work(worker):
        dice = random.Random(f"{seed}/worker {worker}")
        for story in stories[worker::CROWD]:
            kind = dice.choice(CLIENTS)
            first = dice.choice((0, 0, 0, story.versions[0].size // 2))
            fields = [("Range", f"bytes={first}-")] if first else []
            got = ask(server, story.path, host=story.host, kind=kind, fields=fields)
            at = first if got.status == 206 else 0
            if got.status not in (200, 206):
                ends["error"] += 1
            elif not story.is_right(got, at):
                wrong.append(f"{story.host}{story.path} by {kind} from {first}: {got}")
            else:
                ends["whole" if got.is_whole else "broken"] += 1

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, f"RESUME_SEED={seed}: {len(wrong)} of {count}, such as {wrong[:3]}"
    lines = server.wait_log(count, timeout=20)
    ends["resumed"] = sum(any("first" in row for row in line["attempts"]) and line["end"] == "complete" for line in lines)
    return ends


@pytest.mark.parametrize("count", [RESPONSES, pytest.param(SOAK, marks=pytest.mark.soak)])
def test_no_client_ever_gets_a_wrong_byte(make, count):
    seed = int(os.environ.get("RESUME_SEED", random.randrange(1 << 32)))
    ends = run(make, seed, count)
    print(f"RESUME_SEED={seed}: {ends}")
    # It was about something.
    assert ends["whole"] > count // 2 and ends["broken"] > count // 200 and ends["resumed"] > count // 50, (seed, ends)
