"""Conditional requests and HEAD, answered by the cache as the origin would (RFC 9110 section 13, RFC 9111 4.3.2)."""
import pytest
from caching import FRESH, Site, word
from origin import Generated

MODIFIED, LATER, EARLIER, DATE = (f"Mon, 02 Nov 2026 10:00:{second} GMT" for second in ("10", "11", "09", "50"))
LONG = "Cache-Control: max-age=2000000000"  # whatever the clock makes of the dates
KINDS = {
    "strong": ('ETag: "a"', f"Last-Modified: {MODIFIED}"),
    "weak": ('ETag: W/"a"', f"Last-Modified: {MODIFIED}"),
    "dated": (f"Last-Modified: {MODIFIED}",),
    "bare": (),
}

# (what is remembered, the request's conditions) -> the status
TABLE = {
    ("strong", 'If-None-Match: "a"'): 304,
    ("strong", 'If-None-Match: W/"a"'): 304,
    ("strong", 'If-None-Match: "b"'): 200,
    ("strong", 'If-None-Match: "b", "a"'): 304,
    ("strong", 'If-None-Match: "b,", W/"a"'): 304,
    ("strong", 'If-None-Match: "b"; If-None-Match: "a"'): 304,
    ("strong", "If-None-Match: *"): 304,
    ("strong", 'If-None-Match: "A"'): 200,
    ("weak", 'If-None-Match: "a"'): 304,
    ("weak", 'If-None-Match: W/"a"'): 304,
    ("weak", 'If-None-Match: W/"b"'): 200,
    ("dated", 'If-None-Match: "a"'): 200,
    ("dated", "If-None-Match: *"): 304,
    ("strong", f"If-Modified-Since: {MODIFIED}"): 304,
    ("strong", f"If-Modified-Since: {LATER}"): 304,
    ("strong", f"If-Modified-Since: {EARLIER}"): 200,
    ("dated", f"If-Modified-Since: {MODIFIED}"): 304,
    ("dated", f"If-Modified-Since: {EARLIER}"): 200,
    ("dated", "If-Modified-Since: yesterday"): 200,
    ("dated", "If-Modified-Since: Monday, 02-Nov-26 10:00:10 GMT"): 304,
    ("dated", "If-Modified-Since: Mon Nov  2 10:00:10 2026"): 304,
    ("bare", f"If-Modified-Since: {DATE}"): 304,  # RFC 9111 4.3.2: the Date stands in
    ("bare", f"If-Modified-Since: {LATER}"): 200,
    ("strong", f'If-None-Match: "b"; If-Modified-Since: {LATER}'): 200,
    ("strong", f'If-None-Match: "a"; If-Modified-Since: {EARLIER}'): 304,
    ("strong", 'If-Match: "a"'): 200,
    ("strong", 'If-Match: "b", "a"'): 200,
    ("strong", 'If-Match: "b"'): 412,
    ("strong", 'If-Match: W/"a"'): 412,
    ("strong", "If-Match: *"): 200,
    ("weak", 'If-Match: W/"a"'): 412,
    ("weak", "If-Match: *"): 200,
    ("strong", f"If-Unmodified-Since: {MODIFIED}"): 200,
    ("strong", f"If-Unmodified-Since: {EARLIER}"): 412,
    ("strong", "If-Unmodified-Since: never"): 200,
    ("strong", f'If-Match: "a"; If-Unmodified-Since: {EARLIER}'): 200,
    ("strong", 'If-Match: "a"; If-None-Match: "a"'): 304,
    ("strong", 'If-Match: "b"; If-None-Match: "a"'): 412,
    ("strong", f"If-Unmodified-Since: {EARLIER}; If-None-Match: \"a\""): 412,
}


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    return Site(make_once)


def kept(site, kind, *lines, is_asked=True, **reply):
    """A path that has this kind of validators; asked for once, or not yet."""
    path = site.path()
    site.says(path, LONG, f"Date: {DATE}", "Content-Type: text/a", "Content-Language: en", "Content-Location: /c",
              "Vary: X-None", *KINDS[kind], *lines, **{"body": b"0123456789", **reply})  # fmt: skip
    if is_asked:
        site.get(path)
    return path


@pytest.fixture(scope="module", name="results")
def _results(site, side_by_side):
    def run(row):
        kind, conditions = row
        lines = conditions.split("; ")
        hit = kept(site, kind)
        miss = kept(site, kind, is_asked=False)
        return site.get(hit, *lines), site.ask("HEAD", hit, *lines), site.get(miss, *lines), len(site.pulls(hit)), miss

    return side_by_side(run, TABLE)


@pytest.mark.parametrize("row", TABLE, ids=" - ".join)
def test_a_condition_is_evaluated_against_what_is_remembered(results, row):
    """RFC 9110 13.2.2, 8.8.3.2, RFC 9111 4.3.2."""
    hit, head, _, pulls, _ = results[row]
    assert pulls == 1
    for response in (hit, head):
        assert response.status == TABLE[row], response
        if TABLE[row] != 412:
            assert word(response) == "HIT"
    assert hit.body == {200: b"0123456789", 304: b""}.get(TABLE[row], hit.body)


@pytest.mark.parametrize("row", TABLE, ids=" - ".join)
def test_a_condition_on_a_miss_has_the_same_answer(site, results, row):
    """RFC 9111 4.3.1: the pull is for everybody, so it has none of the client's conditions."""
    _, _, response, _, path = results[row]
    assert response.status == TABLE[row], response
    (pull,) = site.pulls(path)
    assert not [name for name, _ in pull.fields if name.startswith("If-")]
    assert word(site.get(path)) == "HIT"


UNSHARED = {'If-None-Match: "a"': 304, 'If-None-Match: "b"': 200, f"If-Modified-Since: {MODIFIED}": 304,
            'If-Match: "b"': 412, 'If-Match: "a"': 200}  # fmt: skip


@pytest.mark.parametrize("condition", UNSHARED)
def test_a_condition_on_what_turns_out_not_to_be_for_sharing(site, condition):
    """RFC 9110 13.2.1: the pull began without it, for everybody; its answer is this client's alone."""
    path = site.path()
    site.says(path, "Cache-Control: private", "Content-Type: text/a", "Set-Cookie: a=b", *KINDS["strong"],
              body=b"0123456789")  # fmt: skip
    response = site.get(path, condition)
    assert response.status == UNSHARED[condition] and len(site.pulls(path)) == 1
    if response.status == 412:
        assert response.error == "precondition"
        return
    assert (word(response), response.fields.get("ETag"), response.fields.get("Set-Cookie")) == ("PASS", '"a"', "a=b")
    assert ("Content-Type" in response.fields) == (response.status == 200)


def test_a_condition_on_what_is_shared_and_cannot_be_stored(site):
    """RFC 9110 13.1.3: more tags than may be are no reason to forget when it was modified."""
    path = site.path()
    tags = ",".join(f"t{number}" for number in range(300))
    site.says(path, FRESH, "Last-Modified: {now-100}", f"Cache-Tag: {tags}", body=b"new")
    response = site.get(path, "If-Modified-Since: {now-200}")
    assert (response.status, response.body) == (200, b"new") and not site.is_kept(path)
    assert site.get(path, "If-Modified-Since: {now-50}").status == 304


def test_a_304_has_what_a_cache_needs_and_nothing_of_the_content(site):
    """RFC 9110 15.4.5."""
    path = kept(site, "strong", "Expires: {now+50}")
    response = site.get(path, 'If-None-Match: "a"')
    for name in ("ETag", "Date", "Cache-Control", "Expires", "Vary", "Content-Location", "Age", "X-Cache"):
        assert name in response.fields, name
    for name in ("Content-Length", "Content-Type", "Content-Language", "Last-Modified", "Transfer-Encoding"):
        assert name not in response.fields, name


def test_a_304_without_etag_tells_the_date(site):
    """RFC 9110 15.4.5: Last-Modified might be useful where there is no ETag."""
    path = kept(site, "dated")
    assert site.get(path, f"If-Modified-Since: {MODIFIED}").fields.get("Last-Modified") == MODIFIED


@pytest.mark.parametrize("status", [301, 404, 410])
@pytest.mark.parametrize("condition", ['If-None-Match: "a"', 'If-Match: "b"', f"If-Modified-Since: {LATER}"])
def test_what_is_no_success_is_sent_whatever_the_condition(site, status, condition):
    """RFC 9110 13.2.1."""
    path = kept(site, "strong", "Location: /", status=status)
    response = site.get(path, condition)
    assert (response.status, word(response), response.body) == (status, "HIT", b"0123456789")


def test_the_connection_goes_on_behind_a_304_and_a_412(site):
    path = kept(site, "strong")
    with site.server.connect() as connection:
        for condition, status in [(("If-None-Match", '"a"'), 304), (("If-Match", '"b"'), 412), (("X-A", "b"), 200)] * 3:
            connection.request(target=path, fields=[condition])
            assert connection.response().status == status


def test_head_has_the_fields_of_get_and_no_body(site):
    """RFC 9110 9.3.2."""
    path = kept(site, "strong")
    head, got = site.ask("HEAD", path), site.get(path)
    assert (head.status, head.body, word(head)) == (200, b"", "HIT")
    skipped = ("Age", "Cache-Status")
    assert [field for field in head.fields if field[0] not in skipped] == [
        field for field in got.fields if field[0] not in skipped]  # fmt: skip
    assert head.fields.get("Content-Length") == "10" and len(site.pulls(path)) == 1


@pytest.mark.parametrize("size", [0, 1, 65537, 3 << 20])
def test_head_of_any_size(site, size):
    path = kept(site, "strong", body=Generated("h", size))
    with site.server.connect() as connection:
        for _ in range(2):
            connection.request("HEAD", path)
            response = connection.response("HEAD")
            assert (word(response), response.fields.get("Content-Length")) == ("HIT", str(size))


def test_head_of_what_is_not_remembered_asks_the_origin(site):
    path = kept(site, "strong", is_asked=False)
    head = site.ask("HEAD", path)
    assert (head.status, word(head), head.fields.get("Content-Length")) == (200, "PASS", "10")
    assert site.pulls(path)[0].method == "HEAD"
    assert word(site.get(path)) == "MISS"


def test_head_ignores_a_range(site):
    """RFC 9110 14.2: Range is for GET."""
    path = kept(site, "strong")
    response = site.ask("HEAD", path, "Range: bytes=0-1")
    assert (response.status, response.fields.get("Content-Length")) == (200, "10")
