"""Stories drawn from a seed, told to Debian's nginx (proxy_cache) and to Headwater: what differs must be a row
of ALLOWED, with the section that allows or asks for it, and every row must be of use.

A story is one URL, a kind of answer that its origin gives, and some requests, one after the other. Of each
request three things are compared: whether the origin was asked, the status, and the content.
"""
import dataclasses
import random
import re

import client
import content
import pytest
from caching import fields_of, says
from domains import domain
from origin import Reply

SEED, STORIES, LONGEST = 20261125, 250, 6
SIZE = 5000
MODIFIED, LATER, EARLIER = (f"Mon, 02 Nov 2026 10:00:{second} GMT" for second in ("10", "11", "09"))
VALIDATORS = ('ETag: "v"', f"Last-Modified: {MODIFIED}")

# kind -> what the origin says beside its content, and its status
KINDS = {
    "fresh": (("Cache-Control: max-age=1000", *VALIDATORS), 200),
    "fresh, without validators": (("Cache-Control: max-age=1000",), 200),
    "fresh, weak": (("Cache-Control: max-age=1000", 'ETag: W/"v"'), 200),
    "s-maxage": (("Cache-Control: max-age=0, s-maxage=1000", *VALIDATORS), 200),
    "Expires": (("Expires: {now+1000}", *VALIDATORS), 200),
    "past": (("Expires: {now-1000}", *VALIDATORS), 200),
    "no-store": (("Cache-Control: no-store, max-age=1000", *VALIDATORS), 200),
    "private": (("Cache-Control: private, max-age=1000", *VALIDATORS), 200),
    "no-cache": (("Cache-Control: no-cache", *VALIDATORS), 200),
    "max-age=0": (("Cache-Control: max-age=0", *VALIDATORS), 200),
    "silent": (('ETag: "v"',), 200),
    "dated": ((f"Last-Modified: {MODIFIED}", "Date: {now}"), 200),
    "a cookie": (("Cache-Control: max-age=1000", "Set-Cookie: a=b", *VALIDATORS), 200),
    "aged": (("Cache-Control: max-age=1000", "Age: 2000", *VALIDATORS), 200),
    "varying": (("Cache-Control: max-age=1000", "Vary: X-Kind", *VALIDATORS), 200),
    "varying on everything": (("Cache-Control: max-age=1000", "Vary: *", *VALIDATORS), 200),
    "encoded": (("Cache-Control: max-age=1000", "Vary: Accept-Encoding", *VALIDATORS), 200),
    "for CDNs": (("Cache-Control: no-store", "CDN-Cache-Control: max-age=1000", *VALIDATORS), 200),
    "public": (("Cache-Control: public, max-age=1000", *VALIDATORS), 200),
    "must-revalidate": (("Cache-Control: max-age=1000, must-revalidate", *VALIDATORS), 200),
    "moved": (("Cache-Control: max-age=1000", "Location: /"), 301),
    "found": (("Cache-Control: max-age=1000", "Location: /"), 302),
    "missing": (("Cache-Control: max-age=1000", 'ETag: "v"'), 404),
    "missing, nothing said": ((), 404),
    "failing": (("Cache-Control: max-age=1000",), 503),
    "failing, nothing said": ((), 500),
    "bad": (("Cache-Control: max-age=1000",), 400),
}  # fmt: skip

# request -> method, lines
REQUESTS = {
    "plain": ("GET", ()),
    "kind a": ("GET", ("X-Kind: a",)),
    "kind b": ("GET", ("X-Kind: b",)),
    "gzip": ("GET", ("Accept-Encoding: gzip",)),
    "gzip and others": ("GET", ("Accept-Encoding: deflate, gzip",)),
    "HEAD": ("HEAD", ()),
    "POST": ("POST", ()),
    "DELETE": ("DELETE", ()),
    "OPTIONS": ("OPTIONS", ()),
    "If-None-Match": ("GET", ('If-None-Match: "v"',)),
    "If-None-Match, weak": ("GET", ('If-None-Match: W/"v"',)),
    "If-None-Match of others": ("GET", ('If-None-Match: "x", "y"',)),
    "If-Modified-Since": ("GET", (f"If-Modified-Since: {MODIFIED}",)),
    "If-Modified-Since, later": ("GET", (f"If-Modified-Since: {LATER}",)),
    "If-Modified-Since, earlier": ("GET", (f"If-Modified-Since: {EARLIER}",)),
    "If-Match": ("GET", ('If-Match: "v"',)),
    "If-Match of another": ("GET", ('If-Match: "x"',)),
    "If-Unmodified-Since, earlier": ("GET", (f"If-Unmodified-Since: {EARLIER}",)),
    "range": ("GET", ("Range: bytes=10-99",)),
    "range to the end": ("GET", ("Range: bytes=-100",)),
    "range of all": ("GET", ("Range: bytes=0-",)),
    "range of none": ("GET", (f"Range: bytes={SIZE}-",)),
    "range that is none": ("GET", ("Range: bytes=a-b",)),
    "ranges": ("GET", ("Range: bytes=0-9,1000-1009",)),
    "If-Range": ("GET", ("Range: bytes=10-99", 'If-Range: "v"')),
    "If-Range of another": ("GET", ("Range: bytes=10-99", 'If-Range: "x"')),
    "no-cache": ("GET", ("Cache-Control: no-cache",)),
    "Pragma": ("GET", ("Pragma: no-cache",)),
    "max-age=0": ("GET", ("Cache-Control: max-age=0",)),
    "no-store": ("GET", ("Cache-Control: no-store",)),
    "only-if-cached": ("GET", ("Cache-Control: only-if-cached",)),
    "Authorization": ("GET", ("Authorization: Basic eDp5",)),
    "old": ("GET", ()),  # HTTP/1.0
}

NGINX = """
        location / {{
            proxy_pass http://{origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host edge.test;
            proxy_cache stories;
            proxy_cache_revalidate on;
            if_modified_since before;
        }}
"""


@dataclasses.dataclass
class Story:
    number: int
    kind: str
    asked: list

    @property
    def path(self):
        return f"/story{self.number}"


def draw_stories():
    draw = random.Random(SEED)
    return [Story(number, draw.choice(list(KINDS)),
                  [draw.choice(list(REQUESTS)) for _ in range(draw.randint(2, LONGEST))])
            for number in range(STORIES)]  # fmt: skip


def is_matching(value, weakly):
    tags = [tag.strip() for tag in value.split(",")]
    return "*" in tags or '"v"' in tags or (weakly and 'W/"v"' in tags)


def tell(kinds):
    """An origin that answers by the kind of its story as a plain, careful server would."""

    def answer(request):
        if request.path not in kinds:
            return Reply(status=404)
        lines, status = KINDS[kinds[request.path]]
        variant = [request.fields.get(line.partition(": ")[2]) for line in lines if line.startswith("Vary: X")]
        body = content.generate(f"{request.path} {variant}", 0, SIZE)
        if request.method in ("POST", "DELETE", "OPTIONS"):
            return Reply(body=b"done")
        asked = request.fields
        if status != 200:
            return says(*lines, status=status, body=body)
        lines = (*lines, "Accept-Ranges: bytes")
        has_tag = any(line.startswith("ETag") for line in lines)
        is_weak = any(line.startswith("ETag: W/") for line in lines)
        is_dated = any(line.startswith("Last-Modified") for line in lines)
        if "If-Match" in asked and (is_weak or not has_tag or not is_matching(asked.get("If-Match"), False)):
            return says(status=412)
        if is_dated and "If-Match" not in asked and asked.get("If-Unmodified-Since") == EARLIER:
            return says(status=412)
        if "If-None-Match" in asked:
            if has_tag and is_matching(asked.get("If-None-Match"), True):
                return says(*lines, status=304)
        elif is_dated and asked.get("If-Modified-Since") in (MODIFIED, LATER):
            return says(*lines, status=304)
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.get("Range", ""))
        if request.method != "GET" or not part or asked.get("If-Range", '"v"') != '"v"' or (
                "If-Range" in asked and (is_weak or not has_tag)):  # fmt: skip
            return says(*lines, body=body)
        first = int(part.group(1)) if part.group(1) else SIZE - int(part.group(2))
        last = min(SIZE - 1, int(part.group(2))) if part.group(1) and part.group(2) else SIZE - 1
        if first >= SIZE:
            return says(f"Content-Range: bytes */{SIZE}", status=416)
        return says(*lines, f"Content-Range: bytes {first}-{last}/{SIZE}", status=206, body=body[first : last + 1])

    return answer


class Place:
    """A proxy with an origin of its own, and what it made of the stories."""

    def __init__(self, origin, address):
        self.origin = origin
        self.address = address

    def tell(self, story):
        """Of each request: (whether the origin was asked, the status, the content)."""
        made = []
        for name in story.asked:
            method, lines = REQUESTS[name]
            before = len(self.origin.on_path(story.path))
            response = client.exchange(self.address, method, story.path, fields=fields_of(lines),
                                       version="1.0" if name == "old" else "1.1")  # fmt: skip
            asked = len(self.origin.on_path(story.path)) > before
            made.append((asked, response.status, self.content_of(response)))
        return made

    @staticmethod
    def content_of(response):
        """The bytes; of an error page nothing, of several parts what they say they are."""
        if response.status >= 400 and response.size != SIZE:
            return b""
        if "multipart" in response.fields.get("Content-Type", ""):
            return sorted(re.findall(rb"(?i)content-range: (bytes \d+-\d+/\d+)", response.body))
        return response.body


@dataclasses.dataclass
class Difference:
    """Where the two tellings of a story part: what follows may differ because of it, and is not looked at."""

    story: Story
    number: int
    ours: tuple
    theirs: tuple

    @property
    def request(self):
        return self.story.asked[self.number]

    @property
    def before(self):
        return set(self.story.asked[: self.number])

    def __str__(self):
        asked = ", ".join(self.story.asked[: self.number + 1])
        ours, theirs = ((made[0], made[1], made[2][:20]) for made in (self.ours, self.theirs))
        return f"{self.story.kind}: {asked}: ours {ours}, nginx {theirs}"


@pytest.fixture(scope="module", name="differences")
def _differences(make_once):
    stories = draw_stories()
    kinds = {story.path: story.kind for story in stories}
    origins = [make_once.origin("ours"), make_once.origin("theirs")]
    for origin in origins:
        origin.default = tell(kinds)
    server = make_once.headwater([domain(origins[0])])
    nginx = make_once.nginx(more=NGINX.format(origin=origins[1].address),
                            http="proxy_cache_path cache keys_zone=stories:10m;")  # fmt: skip
    nginx.start()
    ours, theirs = Place(origins[0], server.address), Place(origins[1], ("127.0.0.1", nginx.port))
    found = []
    for story in stories:
        for number, (own, other) in enumerate(zip(ours.tell(story), theirs.tell(story))):
            if own != other:
                found.append(Difference(story, number, own, other))
                break
    return found


def asks_more(difference):
    """Only we asked the origin, and the client gets the same."""
    return difference.ours[0] and not difference.theirs[0] and difference.ours[1:] == difference.theirs[1:]


def asks_less(difference):
    """Only nginx asked the origin, and the client gets the same."""
    return difference.theirs[0] and not difference.ours[0] and difference.ours[1:] == difference.theirs[1:]


def statuses(difference):
    return difference.ours[1], difference.theirs[1]


PARTS = {"range", "range to the end", "range of none", "ranges", "If-Range", "If-Range of another"}
FAILING = {"If-Match", "If-Match of another", "If-Unmodified-Since, earlier"}
RELOADS = {"no-cache", "Pragma", "max-age=0"}
# What nginx never stores, so that it asks the origin each time and does not look at conditions or ranges itself.
UNSTORED = {"past", "no-store", "private", "no-cache", "max-age=0", "silent", "a cookie", "varying on everything",
            "for CDNs", "dated", "missing, nothing said", "failing, nothing said"}  # fmt: skip

# name -> whether it explains a difference
ALLOWED = {
    "what is older than its lifetime when it comes is stale (RFC 9111 4.2.3)": lambda it: (
        it.story.kind == "aged" and asks_more(it)),
    "what only tells when it was modified may be guessed to be fresh (RFC 9111 4.2.2)": lambda it: (
        it.story.kind == "dated" and not it.ours[0] and it.theirs[0]),
    "CDN-Cache-Control is for us (RFC 9213 2.2)": lambda it: (
        it.story.kind == "for CDNs" and not it.ours[0] and it.theirs[0]),
    "a client may ask for validation (RFC 9111 5.2.1.1, 5.2.1.4, 5.4)": lambda it: (
        it.request in RELOADS and asks_more(it)),
    "a client may ask that nothing be asked (RFC 9111 5.2.1.7)": lambda it: (
        it.request == "only-if-cached" and it.ours[:2] == (False, 504)),
    "a client may ask that nothing be stored (RFC 9111 5.2.1.5)": lambda it: (
        (it.request == "no-store" or "no-store" in it.before) and asks_more(it)),
    "an answer to Authorization is not for others (RFC 9111 3.5)": lambda it: (
        "Authorization" in it.before and it.story.kind not in UNSTORED | {"public", "s-maxage", "must-revalidate"}
        and asks_more(it)),
    "a change invalidates (RFC 9111 4.4)": lambda it: it.before & {"POST", "DELETE"} and asks_more(it),
    "HEAD is passed on as it is and not stored as GET (RFC 9110 9.3.2)": lambda it: (
        "HEAD" in it.before and asks_more(it)),
    "a part may be asked for on its own (RFC 9111 3.3)": lambda it: it.before & PARTS and asks_more(it),
    "several ranges may be answered in parts where nothing is stored yet, or by the whole (RFC 9110 14.2)": lambda it: (
        it.request == "ranges" and it.ours[:2] == (True, 206) and it.theirs[:2] == (True, 200)),
    "a range of all of it may be answered by all of it (RFC 9110 14.2)": lambda it: (
        it.request == "range of all" and it.ours[:2] == (True, 200) and it.theirs == (True, 206, it.ours[2])),
    "a range that is none is ignored (RFC 9110 14.2)": lambda it: (
        it.request == "range that is none" and statuses(it) == (200, 416)),
    "without a date nothing is known to be unmodified since, so that is ignored (RFC 9110 13.1.4)": lambda it: (
        it.request == "If-Unmodified-Since, earlier" and statuses(it) == (200, 412)
        and it.story.kind in ("fresh, weak", "fresh, without validators", "silent")),
    "what tells of one odd request may be left unstored (RFC 9111 3)": lambda it: (
        it.story.kind == "bad" and asks_more(it)),
    "codings that nobody tells apart are one variant (RFC 9111 4.1)": lambda it: (
        it.story.kind == "encoded" and asks_less(it)),
    "an error about the request does not keep the answer from being stored (RFC 9111 4.3.2)": lambda it: (
        it.before & (FAILING | {"range of none"}) and it.theirs[0] and not it.ours[0]),
    "what is not stored is the origin's to answer, conditions and ranges as well (RFC 9110 13.2.1)": lambda it: (
        it.story.kind in UNSTORED and it.ours[0] and it.theirs[:2] == (True, 200)
        and it.ours[1] in (206, 304, 412, 416)),
}  # fmt: skip


def explanations(difference):
    return [name for name, holds in ALLOWED.items() if holds(difference)]


def test_every_difference_is_one_that_is_allowed(differences):
    strange = [str(difference) for difference in differences if not explanations(difference)]
    assert not strange, "\n".join(strange)


def test_every_row_is_of_use(differences):
    used = {name for difference in differences for name in explanations(difference)}
    assert set(ALLOWED) == used, set(ALLOWED) - used
