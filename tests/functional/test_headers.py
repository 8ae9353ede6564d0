"""Rules for header fields (`headers.to_origin`, `headers.to_client`): what travels changed, and what nobody may change."""
import json

import control
import pytest
from caching import FRESH, STALE, Site, fields_of, says, wait_until, word
from commands import EXIT_DONE, Commands
from domains import domain, origin_of
from origin import Reply
from program import run

TO_ORIGIN = ["set X-Key: secret, of ours", "add Accept: text/b", "delete Cookie", "set User-Agent: edge", "set X-Forwarded-Host: shop.test"]
TO_CLIENT = ["set Cache-Control: private, max-age=5", "add Vary: X-B", "delete X-Powered-By", "set Server: ours", "delete Set-Cookie",
             "set Content-Type: text/b", "add X-Frame-Options: DENY"]  # fmt: skip
RULES = {"to_origin": TO_ORIGIN, "to_client": TO_CLIENT}
TOLD = ("X-Powered-By: php", "x-powered-by: more", "Server: apache", "Content-Type: text/a", "Vary: X-A")


@pytest.fixture(scope="module", name="site")
def _site(make_once):
    backup = make_once.origin("backup")
    site = Site(make_once, {
        "plain.test": {},
        "ruled.test": {"headers": RULES},
        "strip.test": {"headers": RULES, "cache": {"set_cookie": "strip"}},
        "backed.test": {"headers": RULES, "backup": origin_of(backup)},
        "closed.test": {"origin": {"addresses": ["127.0.0.1:1"]}, "headers": RULES},
        "large.test": {"headers": {"to_client": ["delete X-Gone", f"set X-Large: {'v' * 2027}"], "to_origin": [f"set X-Large: {'v' * 2035}"]}},
    })  # fmt: skip
    site.backup = backup
    return site


def get(site, path, *lines, host="ruled.test", **options):
    return site.get(path, *lines, host=host, **options)


def is_ruled(response, has_content=True, has_type=True):
    """Whether the response is what the rules make of one with the fields of TOLD."""
    fields = response.fields
    assert fields.all("X-Powered-By") == [] and fields.all("Set-Cookie") == []
    assert fields.all("Server") == ["ours"] and fields.all("X-Frame-Options") == ["DENY"]
    assert fields.all("Cache-Control") == ["private, max-age=5"]
    assert fields.all("Vary") == ["X-A", "X-B"]
    if has_type:
        assert fields.all("Content-Type") == (["text/b"] if has_content else [])
    return True


# ---- to the origin ----


def test_the_fields_of_requests_are_set_added_and_deleted(site):
    path = site.path()
    get(site, path, "X-Key: guessed", "x-key: again", "X_Key: taken for it", "Accept: text/a", "Cookie: a=b", "X-Forwarded-Host: evil", "X-Else: 1")
    (request,) = site.pulls(path)
    fields = request.fields
    assert fields.all("X-Key") == ["secret, of ours"] and fields.all("User-Agent") == ["edge"]
    assert fields.all("Accept") == ["text/a", "text/b"] and fields.all("X-Else") == ["1"]
    assert "X_Key" not in fields
    assert fields.all("X-Forwarded-Host") == ["shop.test"] and fields.all("Cookie") == []
    assert fields.all("Host") == ["ruled.test"] and fields.all("Via") == ["1.1 headwater"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_what_is_passed_on_is_changed_as_well(site, method):
    path = site.path()
    site.ask(method, path, "Cookie: a=b", host="ruled.test", body=b"x" if method == "POST" else b"")
    (request,) = site.pulls(path)
    assert request.fields.all("X-Key") == ["secret, of ours"] and request.fields.all("Cookie") == []


def test_a_validation_is_changed_as_well(site):
    path = site.path()
    site.says(path, *STALE, 'ETag: "a"', body=b"old")
    get(site, path)
    site.says(path, FRESH, 'ETag: "a"', status=304, framing="none")
    assert word(get(site, path)) == "REVALIDATED"
    first, second = site.pulls(path)
    assert second.fields.get("If-None-Match") == '"a"'
    assert [one.fields.all("X-Key") for one in (first, second)] == [["secret, of ours"]] * 2


def test_the_backup_is_sent_the_same(site):
    path = site.path()
    site.says(path, status=503)
    site.backup.on(path, says(*TOLD, body=b"backup"))
    response = get(site, path, host="backed.test")
    assert response.body == b"backup" and is_ruled(response)
    (request,) = site.backup.on_path(path)
    assert request.fields.all("X-Key") == ["secret, of ours"]


def test_a_domain_without_rules_is_left_alone(site):
    path = site.path()
    site.says(path, *TOLD, "Set-Cookie: a=b", FRESH)
    response = get(site, path, "Cookie: a=b", "Accept: text/a", host="plain.test")
    (request,) = site.pulls(path)
    assert request.fields.all("Cookie") == ["a=b"] and "X-Key" not in request.fields and request.fields.all("Accept") == ["text/a"]
    assert response.fields.all("X-Powered-By") == ["php", "more"] and response.fields.all("Server") == ["apache"]
    assert response.fields.all("Set-Cookie") == ["a=b"] and "X-Frame-Options" not in response.fields


# ---- to the client ----


def test_misses_and_hits_are_changed_and_cached_as_the_origin_said(site):
    path = site.path()
    site.says(path, *TOLD, FRESH, 'ETag: "a"', body=b"0123456789")
    first, second = get(site, path), get(site, path)
    assert (word(first), word(second)) == ("MISS", "HIT")
    assert is_ruled(first) and is_ruled(second) and second.body == b"0123456789"
    assert second.fields.all("ETag") == ['"a"'] and len(second.fields.all("Via")) == 1
    head = site.ask("HEAD", path, host="ruled.test")
    assert word(head) == "HIT" and is_ruled(head) and head.fields.get("Content-Length") == "10"


def test_what_rules_add_to_vary_tells_no_variants_apart(site):
    path = site.path()
    site.says(path, *TOLD, FRESH)
    assert [word(get(site, path, "X-A: 1", f"X-B: {n}")) for n in (1, 2)] == ["MISS", "HIT"]
    assert word(get(site, path, "X-A: 2")) == "MISS"


def test_parts_are_changed(site):
    path = site.path()
    site.says(path, *TOLD, FRESH, body=b"0123456789" * 100)
    get(site, path)
    part = get(site, path, "Range: bytes=2-3")
    assert (part.status, part.body, part.fields.get("Content-Range")) == (206, b"23", "bytes 2-3/1000") and is_ruled(part)
    parts = get(site, path, "Range: bytes=0-0,909-909")
    assert parts.status == 206 and is_ruled(parts, has_type=False)
    (kind,) = parts.fields.all("Content-Type")
    assert kind.startswith("multipart/byteranges; boundary=")
    assert parts.body.count(b"Content-Type: text/b\r\n") == 2 and b"text/a" not in parts.body


def test_a_304_says_what_the_200_would_but_nothing_of_the_content(site):
    path = site.path()
    site.says(path, *TOLD, FRESH, 'ETag: "a"', body=b"x")
    get(site, path)
    response = get(site, path, 'If-None-Match: "a"')
    assert (response.status, response.body) == (304, b"") and is_ruled(response, has_content=False)


def test_stale_and_validated_responses_are_changed(site):
    path = site.path()
    site.says(path, *TOLD, *STALE, 'ETag: "a"', body=b"old")
    get(site, path)
    site.says(path, status=503)
    stale = get(site, path)
    assert (word(stale), stale.body) == ("STALE", b"old") and is_ruled(stale)
    site.says(path, "Vary: X-A", FRESH, 'ETag: "a"', status=304, framing="none")
    validated = get(site, path)
    assert (word(validated), validated.body) == ("REVALIDATED", b"old") and is_ruled(validated)


@pytest.mark.parametrize("status", [200, 201, 301, 404, 500, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_whatever_the_origin_answers_is_changed(site, status, method):
    path = site.path()
    site.says(path, *TOLD, "Set-Cookie: a=b", "Cache-Control: no-store", status=status, body=b"x")
    response = site.ask(method, path, host="ruled.test", body=b"y" if method == "POST" else b"")
    assert (response.status, response.body) == (status, b"x") and is_ruled(response)


def test_a_304_of_the_origin_is_passed_on_changed(site):
    path = site.path()
    site.says(path, *TOLD, status=304, framing="none")
    response = site.ask("POST", path, 'If-None-Match: "a"', host="ruled.test", body=b"y")
    assert response.status == 304 and response.fields.all("Content-Type") != ["text/b"] and is_ruled(response, has_type=False)


def test_several_ranges_of_the_origin_keep_their_type(site):
    path, kind = site.path(), "multipart/byteranges; boundary=b"
    site.says(path, f"Content-Type: {kind}", "Vary: X-A", status=206, body=b"\r\n--b--\r\n")
    response = site.ask("POST", path, "Range: bytes=0-0,2-2", host="ruled.test", body=b"y")
    assert response.status == 206 and response.fields.all("Content-Type") == [kind] and is_ruled(response, has_type=False)


def test_a_cookie_that_is_cut_off_for_the_cache_stays_away_from_the_first_client_too(site):
    path = site.path()
    site.says(path, *TOLD, FRESH, "Set-Cookie: a=b")
    first, second = get(site, path, host="strip.test"), get(site, path, host="strip.test")
    assert (word(first), word(second)) == ("MISS", "HIT") and is_ruled(first) and is_ruled(second)


def test_interim_responses_lack_what_is_deleted(site):
    path = site.path()
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Powered-By: php\r\nServer: apache\r\n\r\n"
    site.origin.on(path, Reply(interim=(hint,), fields=fields_of(TOLD), body=b"x"))
    response = get(site, path)
    (interim,) = response.interim
    assert interim.fields.all("Link") == ["</a>"] and "X-Powered-By" not in interim.fields and "Server" not in interim.fields
    assert is_ruled(response)


def test_our_own_error_pages_are_as_they_are(site):
    path = site.path()
    site.says(path, *TOLD, FRESH, 'ETag: "a"', body=b"x")
    get(site, path)
    errors = [
        get(site, path, host="closed.test"),
        get(site, path, "Range: bytes=5-"),
        get(site, path, 'If-Match: "b"'),
        get(site, site.path(), "Cache-Control: only-if-cached"),
    ]
    assert [error.status for error in errors] == [502, 416, 412, 504]
    for error in errors:
        assert error.error and "X-Frame-Options" not in error.fields and error.fields.get("Server") != "ours", error


def test_the_largest_head_has_room_for_the_most_that_rules_write(site):
    path = site.path()
    lines = [f"X-{number:03}: {'a' * 296}" for number in range(200)]  # of 61440 bytes that there may be
    site.says(path, *lines, "X-Gone: 1", FRESH, body=b"x")
    for expected in ("MISS", "HIT"):
        response = get(site, path, host="large.test")
        assert (response.status, word(response), len(response.fields.get("X-Large"))) == (200, expected, 2027)
        assert "X-Gone" not in response.fields and response.fields.get("X-199") == "a" * 296
    assert len(site.pulls(path)[0].fields.get("X-Large")) == 2035


# ---- changes ----


def test_a_change_of_rules_holds_at_once_for_what_is_cached(make):
    origin = make.origin("master")
    origin.default = says(FRESH, "X-A: origin", body=b"x")
    server = make.headwater([domain(origin)])
    assert server.get("/a").fields.all("X-A") == ["origin"]
    rows = [(["set X-A: one"], ["one"]), (["add X-A: two"], ["origin", "two"]), (["delete X-A"], []), ([], ["origin"])]
    for rules, expected in rows:
        since = len(server.lines)
        server.write_domains([domain(origin, headers={"to_client": rules})])
        server.wait_line("domains", since=since, timeout=20)
        response = server.get("/a")
        assert (word(response), response.fields.all("X-A")) == ("HIT", expected)
    assert len(origin.requests) == 1


# ---- what nobody may change ----

REFUSED = {
    "set Host: a": "`host` of an origin",
    "delete connection": "single connection",
    "add Transfer-Encoding: chunked": "where a message ends",
    "set Content_Length: 5": "where a message ends",
    "set Via: a": "Headwater itself writes",
    "set X-Headwater-Error: a": "Headwater itself writes",
    "set A: b\r\nC: d": "line ends",
    "set A B: c": "no name of a field",
    "put A: b": "is no rule",
}
REFUSED_TO = {
    "to_origin": {"set X-Forwarded-For: a": "`forwarding`", "set Range: bytes=0-1": "for its cache", "delete Accept-Encoding": "for its cache"},
    "to_client": {"set Age: 1": "Headwater itself writes", "set ETag: a": "versions", "add Content-Type: a": "use set"},
}  # fmt: skip


@pytest.mark.parametrize("direction", REFUSED_TO)
def test_rules_that_cannot_be_are_refused_in_clear_words(make, direction):
    rows = REFUSED | REFUSED_TO[direction]
    path = make.inside("check") / "domains.json"
    path.write_text(json.dumps({"domains": [domain("192.0.2.1", headers={direction: list(rows)})]}))
    code, _, errors = run("check", path)
    lines = [line for line in errors.splitlines() if f"/headers/{direction}/" in line]
    assert code != 0 and len(lines) == len(rows), errors
    for index, (rule, words) in enumerate(rows.items()):
        assert f"/headers/{direction}/{index}:" in lines[index] and words in lines[index] and "[header]" in lines[index], (rule, lines[index])


def test_a_rule_without_quotes_is_told_that_it_needs_them(make):
    path = make.inside("check") / "domains.yaml"
    path.write_text("domains:\n- name: a.test\n  origin: {addresses: [192.0.2.1]}\n  headers:\n    to_client:\n    - set A: b\n")
    code, _, errors = run("check", path)
    assert code != 0 and ":6:" in errors and "needs quotes" in errors, errors


# ---- by the control plane ----


@pytest.fixture(scope="module", name="plane")
def _plane(make_once):
    return control.Plane(make_once, "serve")


def test_rules_come_by_the_api_and_are_live(plane, make):
    origin = make.origin("master")
    origin.default = says(FRESH, "X-A: origin", body=b"x")
    plane.admin.ok("createDomain", control.domain("api.test", origin.address, headers={"to_client": ["set X-A:   one, two  "]}))
    plane.admin.ok("changeDomain", {"headers": {"to_origin": ["delete Cookie"]}}, name="api.test", fields={"If-Match": "*"})
    read = plane.admin.ok("readDomain", name="api.test")
    assert read["headers"] == {"to_origin": ["delete Cookie"], "to_client": ["set X-A: one, two"]}
    wait_until(lambda: plane.program.get("/a", host="api.test").fields.all("X-A") == ["one, two"], "the rules")
    plane.program.get("/b", host="api.test", fields=[("Cookie", "a=b")])
    assert "Cookie" not in origin.on_path("/b")[0].fields
    answer = plane.admin.call("changeDomain", {"headers": {"to_client": ["delete A", "set Via: a"]}}, name="api.test", fields={"If-Match": "*"})
    assert answer.status == 422 and [place for place, _ in answer.errors] == ["/headers/to_client/1"]
    history = plane.admin.ok("readDomainHistory", name="api.test")["items"]
    assert 'headers.to_client: none -> "set X-A: one, two"' in history[-1]["diff"]
    assert "headers.to_origin: none -> delete Cookie" in history[0]["diff"]


def test_rules_are_set_by_commands_and_exported(plane, make):
    token = plane.admin.fields["Authorization"].removeprefix("Bearer ")
    cli = Commands(make.inside("home"), "http://%s:%s" % plane.address, token)
    cli.ok("domain", "create", "cli.test", "origin.addresses=192.0.2.1", 'headers.to_client="set A: b, c", delete D')
    assert plane.admin.ok("readDomain", name="cli.test")["headers"]["to_client"] == ["set A: b, c", "delete D"]
    path = make.inside("files") / "all.yaml"
    path.write_text(cli.ok("export"))
    assert 'to_client: ["set A: b, c", "delete D"]' in path.read_text()
    done = cli.run("apply", "-f", path, "--prune", "--yes")
    assert done.code == EXIT_DONE
    assert plane.admin.ok("readDomain", name="cli.test")["headers"]["to_client"] == ["set A: b, c", "delete D"]
