"""Who may: the first password, signing in and out, cookies, CSRF, tokens, accounts, and too many attempts."""
import http.cookies
import re
import threading
import time

import control
import pytest
from control import PASSWORD, Api, domain


@pytest.fixture(scope="module")
def plane(make_once):
    return control.Plane(make_once)


@pytest.fixture
def name(request):
    """An account that no other test uses."""
    return "u" + str(abs(hash(request.node.nodeid)) % 10**12)


clients = iter(range(1, 60000))


def client(plane):
    """A client of an address that no other test uses, since attempts are counted for each."""
    number = next(clients)
    return Api(plane.address, source=f"127.2.{number // 250}.{number % 250 + 1}")


def attempt(api, account, password):
    return api.call("login", {"account": account, "password": password})


# ---- the first account ----


def test_the_first_account_must_change_its_password_before_anything_else(make):
    plane = control.Plane(make, signs_in=False)
    first = plane.first_password
    assert re.fullmatch(r"[a-z2-9]{24}", first)
    session = plane.login("admin", first)
    who = session.ok("whoami")
    assert (who["account"], who["role"], who["must_change"], who["is_session"]) == ("admin", "admin", True, True)
    for operation, body in (("listDomains", None), ("listUsers", None), ("status", None), ("createDomain", domain("a.test")),
                            ("createToken", {"label": "a"}), ("export", None)):  # fmt: skip
        assert session.call(operation, body).problem == "password-change-required", operation
    assert session.call("changePassword", {"old": first, "new": PASSWORD}).status == 204
    assert session.call("whoami").problem == "unauthenticated"  # all sessions end
    assert attempt(client(plane), "admin", first).problem == "bad-credentials"
    assert plane.login("admin", PASSWORD).ok("whoami")["must_change"] is False


def test_the_first_password_is_told_once(make):
    """Not at the next start, and never to a client."""
    plane = control.Plane(make, signs_in=False)
    first = plane.first_password
    session = plane.login("admin", first)
    plane.program.stop()
    again = control.Plane(make, signs_in=False, state=plane.state)
    again.wait_open()
    assert not [line for line in again.program.lines if "password" in line]
    # The account and its session have outlived the process.
    assert Api(again.address, session.fields).ok("whoami")["must_change"] is True
    again.login("admin", first)


# ---- signing in and out ----


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_have(plane):
    answer = attempt(client(plane), "admin", PASSWORD)
    assert answer.status == 200
    cookie = http.cookies.SimpleCookie(answer.fields["Set-Cookie"])["headwater_session"]
    assert re.fullmatch(r"hw.{44}", cookie.value)
    assert (cookie["path"], cookie["samesite"], cookie["httponly"], cookie["domain"]) == ("/", "Strict", True, "")
    assert int(cookie["max-age"]) > 0
    assert 0 < answer.json["expires_ms"] / 1000 - time.time() - int(cookie["max-age"]) < 60 or (
        abs(answer.json["expires_ms"] / 1000 - time.time() - int(cookie["max-age"])) < 60)  # fmt: skip
    assert cookie.value not in answer.body.decode()
    assert answer.fields["Cache-Control"] == "no-store"


def cookie_of(answer):
    return http.cookies.SimpleCookie(answer.fields["Set-Cookie"])["headwater_session"]


def test_who_signs_in_by_https_behind_a_trusted_proxy_has_a_secure_cookie(make, plane):
    """What others say of the scheme is not believed."""
    behind = control.Plane(make, flags={"trusted_proxies": "127.0.0.0/8"})
    for proto, is_secure in ((None, False), ("http", False), ("https", True), ("HTTPS, http", True), ("http, https", False), ("", False)):
        fields = {"X-Forwarded-Proto": proto}
        answer = attempt(Api(behind.address, fields), "admin", PASSWORD)
        assert answer.status == 200 and bool(cookie_of(answer)["secure"]) == is_secure, proto
        assert not cookie_of(attempt(Api(plane.address, fields), "admin", PASSWORD))["secure"]
    session = behind.user("leaver")
    assert bool(cookie_of(session.with_fields(X_Forwarded_Proto="https").call("logout"))["secure"])


def test_attempts_are_counted_by_who_stands_behind_a_trusted_proxy(make):
    behind = control.Plane(make, flags={"trusted_proxies": "127.0.0.1/32"})

    def status(client, account):
        return attempt(Api(behind.address, {"X-Forwarded-For": client}), account, "wrong").status

    for count in range(200):
        if status("192.0.2.1", f"nobody{count}") == 429:
            break
    assert count < 199 and status("192.0.2.1", "somebody") == 429
    # What a client says itself stands in front of what the proxy adds.
    assert status("192.0.2.2, 192.0.2.1", "somebody") == 429
    assert status("192.0.2.2", "somebody") == 401


def test_each_login_is_a_session_of_its_own(plane, name):
    first, second = plane.user(name), plane.login(name, PASSWORD)
    assert first.fields["Cookie"] != second.fields["Cookie"]
    assert first.fields["X-CSRF-Token"] != second.fields["X-CSRF-Token"]
    assert first.call("logout").status == 204
    assert first.call("whoami").problem == "unauthenticated"
    assert second.ok("whoami")["account"] == name


def test_signing_out_takes_the_cookie_back(plane, name):
    session = plane.user(name)
    answer = session.call("logout")
    cookie = http.cookies.SimpleCookie(answer.fields["Set-Cookie"])["headwater_session"]
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")


@pytest.mark.parametrize("account,password", [
    ("admin", "not the password"), ("admin", ""), ("admin", PASSWORD + " "), ("admin", PASSWORD.upper()), ("Admin", PASSWORD),
    ("absent", PASSWORD), ("", PASSWORD), ("", ""), ("admin\u0001", PASSWORD), ("a" * 2000, PASSWORD), ("admin", "p" * 2000),
    ("' OR 1=1 --", "x"), ("admin", "é" * 300),
])  # fmt: skip
def test_wrong_credentials_are_all_told_the_same(plane, account, password):
    answer = attempt(client(plane), account, password)
    assert (answer.status, answer.problem) == (401, "bad-credentials")
    assert answer.json["detail"] == "the account or its password is wrong"
    assert "Set-Cookie" not in answer.fields


@pytest.mark.parametrize("body,place", [
    ({"account": "admin"}, "/password"), ({"password": "x"}, "/account"), ({}, "/account"),
    ({"account": 5, "password": "x"}, "/account"), ({"account": "admin", "password": ["x"]}, "/password"),
    ({"account": None, "password": "x"}, "/account"), ({"account": "admin", "password": "x", "remember": True}, "/remember"),
], ids=str)  # fmt: skip
def test_a_login_that_is_no_form_is_refused(plane, body, place):
    answer = client(plane).call("login", body)
    assert (answer.status, answer.problem) == (422, "invalid")
    assert place in [where for where, _ in answer.errors]


@pytest.mark.timing
def test_who_is_there_cannot_be_told_by_the_time(plane):
    """A login of an account that there is not takes as long as one with a wrong password."""
    times = {}
    for account in ("admin", "absent"):
        took = []
        for _ in range(5):
            begun = time.monotonic()
            assert attempt(client(plane), account, "not the password").status == 401
            took.append(time.monotonic() - begun)
        times[account] = min(took)
    assert 0.5 < times["absent"] / times["admin"] < 2, times


# ---- too many attempts ----


def test_too_many_attempts_of_one_client_have_to_wait(plane):
    api = client(plane)
    answers = [attempt(api, f"guess{number}", "not the password") for number in range(12)]
    assert [answer.status for answer in answers[:10]] == [401] * 10
    late = answers[-1]
    assert (late.status, late.problem) == (429, "too-many-attempts")
    assert 1 <= int(late.fields["Retry-After"]) <= 60
    # The right password does not help now, and others are not kept out.
    assert attempt(api, "admin", PASSWORD).status == 429
    assert attempt(client(plane), "admin", PASSWORD).status == 200


def test_good_logins_are_not_counted(plane, name):
    plane.user(name)
    api = client(plane)
    for _ in range(12):
        assert attempt(api, name, PASSWORD).status == 200


def test_attempts_at_ones_own_password_are_counted_as_well(plane, name):
    session = plane.user(name)
    session.source = f"127.3.0.{next(clients) % 250 + 1}"
    answers = [session.call("changePassword", {"old": "not the password", "new": PASSWORD + "?"}) for _ in range(12)]
    assert {answer.status for answer in answers} == {401, 429}
    assert answers[-1].fields["Retry-After"]


def test_many_attempts_at_once_stop_nobody_else(plane):
    """Hashing takes its time; what needs none goes on meanwhile."""
    threads = [threading.Thread(target=attempt, args=(client(plane), "admin", "not the password")) for _ in range(12)]
    [thread.start() for thread in threads]
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        begun = time.monotonic()
        assert plane.viewer.call("status").status == 200
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < 2


# ---- CSRF ----


@pytest.mark.parametrize("token", [None, "", "0" * 32, "x"], ids=repr)
def test_a_session_without_its_csrf_token_changes_nothing(plane, token):
    session = plane.login("admin", PASSWORD).with_fields(X_CSRF_Token=token)
    for operation, body, names in (("createDomain", domain("csrf.test"), {}), ("createToken", {"label": "a"}, {}), ("logout", None, {}),
                                   ("deleteDomain", None, {"name": "absent.test"}), ("changePassword", {"old": "a", "new": "b"}, {})):  # fmt: skip
        assert session.call(operation, body, **names).problem == "csrf", operation
    assert session.ok("whoami")["is_session"] is True
    assert plane.admin.call("readDomain", name="csrf.test").status == 404


def test_whoami_tells_the_csrf_token_again(plane):
    session = plane.login("admin", PASSWORD)
    assert session.ok("whoami")["csrf"] == session.fields["X-CSRF-Token"]


def test_a_token_needs_no_csrf_token(plane):
    assert plane.admin.call("createDomain", domain("no-csrf.test")).status == 201


def test_a_token_in_the_head_is_who_asks_even_with_a_cookie(plane):
    both = plane.login("admin", PASSWORD).with_fields(Authorization=plane.viewer.fields["Authorization"])
    who = both.ok("whoami")
    assert (who["is_session"], who["role"]) == (False, "viewer")


@pytest.mark.parametrize("cookie", ["a=b; {}", "{}; a=b", "a=b;{};c=d", "x_{0}; {0}"])
def test_the_session_is_found_among_other_cookies(plane, cookie):
    session = plane.login("admin", PASSWORD)
    session.fields["Cookie"] = cookie.format(session.fields["Cookie"])
    assert session.ok("whoami")["account"] == "admin"


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer {}", "Bearer  {}", "Bearer {} x", "Bearer {}x", "Token {}", "{}", "Bearer,{}"])
def test_how_a_token_is_shown(plane, value):
    token = plane.viewer.fields["Authorization"].split(" ")[1]
    answer = Api(plane.address, {"Authorization": value.format(token)}).call("whoami")
    is_good = value in ("bearer {}", "Bearer  {}")  # a scheme has no case (RFC 9110, 11.1)
    assert answer.status == (200 if is_good else 401)


# ---- passwords ----


@pytest.mark.parametrize("new", ["", "short", "x" * 11, "x" * 1025, "é" * 513], ids=len)
def test_a_password_has_12_to_1024_bytes(plane, name, new):
    session = plane.user(name)
    answer = session.call("changePassword", {"old": PASSWORD, "new": new}, judged=len(new) <= 1024)
    assert answer.status == 422 and [place for place, _ in answer.errors] == ["/new"]
    assert session.ok("whoami")["account"] == name


@pytest.mark.parametrize("new", ["x" * 12, "x" * 1024, "пароль с пробелами", "\"\\\n\t{}[]" * 3], ids=len)
def test_any_text_is_a_password(plane, name, new):
    plane.user(name).ok("changePassword", {"old": PASSWORD, "new": new})
    assert plane.login(name, new).ok("whoami")["account"] == name


def test_a_new_password_ends_all_sessions_and_no_tokens(plane, name):
    first, second = plane.user(name), plane.login(name, PASSWORD)
    token = plane.bearer(first.ok("createToken", {"label": "stays"})["token"])
    assert second.call("changePassword", {"old": PASSWORD, "new": PASSWORD + "2"}).status == 204
    for session in (first, second):
        assert session.call("whoami").problem == "unauthenticated"
    assert token.ok("whoami")["account"] == name


def test_a_password_that_an_admin_sets_must_be_changed(plane, name):
    session = plane.user(name)
    assert plane.admin.call("changeUser", {"password": PASSWORD + "3"}, account=name).status == 204
    assert session.call("whoami").problem == "unauthenticated"
    again = plane.login(name, PASSWORD + "3")
    assert again.call("listDomains").problem == "password-change-required"


# ---- accounts ----


def test_an_account_without_a_password_gets_one_that_is_told_once(plane, name):
    made = plane.admin.call("createUser", {"name": name, "role": "operator"})
    assert made.status == 201 and made.fields["Location"] == f"/api/v1/users/{name}"
    session = plane.login(name, made.json["password"])
    assert session.ok("whoami")["must_change"] is True
    listed = plane.admin.call("listUsers")
    assert made.json["password"].encode() not in listed.body
    (user,) = [user for user in listed.json["items"] if user["name"] == name]
    assert (user["role"], user["must_change"]) == ("operator", True)
    assert abs(user["created_ms"] / 1000 - time.time()) < 60


def test_an_account_with_a_password_is_not_told_it(plane, name):
    made = plane.admin.call("createUser", {"name": name, "role": "viewer", "password": PASSWORD})
    assert made.status == 201 and PASSWORD.encode() not in made.body


@pytest.mark.parametrize("body,place", [
    ({"name": "", "role": "viewer"}, "/name"), ({"name": "-a", "role": "viewer"}, "/name"), ({"name": "a b", "role": "viewer"}, "/name"),
    ({"name": "a/b", "role": "viewer"}, "/name"), ({"name": "é", "role": "viewer"}, "/name"), ({"name": "a" * 65, "role": "viewer"}, "/name"),
    ({"name": "ok1", "role": "root"}, "/role"), ({"name": "ok1", "role": ""}, "/role"), ({"name": "ok1"}, "/role"), ({"role": "viewer"}, "/name"),
    ({"name": "ok1", "role": "viewer", "password": "short"}, "/password"), ({"name": 5, "role": "viewer"}, "/name"),
    ({"name": "ok1", "role": "viewer", "must_change": False}, "/must_change"),
], ids=str)  # fmt: skip
def test_an_account_that_makes_no_sense_is_refused(plane, body, place):
    answer = plane.admin.call("createUser", body)
    assert answer.status == 422 and [where for where, _ in answer.errors] == [place]


def test_there_is_one_account_of_a_name(plane, name):
    plane.admin.ok("createUser", {"name": name, "role": "viewer"})
    answer = plane.admin.call("createUser", {"name": name, "role": "admin"})
    assert (answer.status, answer.problem) == (409, "exists")


def test_accounts_are_listed_in_the_order_of_names(plane):
    names = [user["name"] for user in plane.admin.ok("listUsers")["items"]]
    assert names == sorted(names) and "admin" in names


def test_another_role_counts_at_once_for_sessions_and_tokens(plane, name):
    session = plane.user(name, "admin")
    token = plane.bearer(session.ok("createToken", {"label": "all", "role": "admin"})["token"])
    for one in (session, token):
        assert one.call("listUsers").status == 200
    assert plane.admin.call("changeUser", {"role": "viewer"}, account=name).status == 204
    for one in (session, token):
        assert one.call("listUsers").problem == "forbidden"
        assert one.ok("whoami")["role"] == "viewer"


def test_an_account_that_goes_takes_its_sessions_and_tokens_along(plane, name):
    session = plane.user(name)
    token = plane.bearer(session.ok("createToken", {"label": "gone"})["token"])
    assert plane.admin.call("deleteUser", account=name).status == 204
    for one in (session, token):
        assert one.call("whoami").problem == "unauthenticated"
    assert attempt(client(plane), name, PASSWORD).problem == "bad-credentials"
    assert plane.admin.call("deleteUser", account=name).problem == "no-such-account"
    # One of the same name later is another.
    plane.user(name)
    assert token.call("whoami").problem == "unauthenticated"


@pytest.mark.parametrize("body", [{}, {"role": None}, {"role": "root"}, {"password": "short"}, {"role": "viewer", "x": 1}, {"name": "other"},
                                  {"name": "other", "role": "viewer"}], ids=str)  # fmt: skip
def test_a_change_of_an_account_that_makes_no_sense_is_refused(plane, name, body):
    plane.admin.ok("createUser", {"name": name, "role": "operator"})
    assert plane.admin.call("changeUser", body, account=name).status == 422
    assert [user["role"] for user in plane.admin.ok("listUsers")["items"] if user["name"] == name] == ["operator"]


def test_somebody_is_always_an_admin(make):
    plane = control.Plane(make)
    for operation, body in (("changeUser", {"role": "operator"}), ("deleteUser", None)):
        answer = plane.admin.call(operation, body, account="admin")
        assert (answer.status, answer.problem) == (409, "last-admin")
    second = plane.user("second", "admin")
    assert plane.admin.call("deleteUser", account="admin").status == 204
    assert plane.admin.call("whoami").problem == "unauthenticated"
    assert second.call("changeUser", {"role": "viewer"}, account="second").problem == "last-admin"
    # Also when two admins go at the same moment.
    third = plane.login("second", PASSWORD)
    third.ok("createUser", {"name": "third", "role": "admin", "password": PASSWORD})
    answers = []
    threads = [threading.Thread(target=lambda who=who: answers.append(second.call("deleteUser", account=who, judged=False)))
               for who in ("third", "second")]  # fmt: skip
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(answer.status for answer in answers) in ([204, 409], [204, 401])


# ---- tokens ----


def test_a_token_stands_for_its_account_with_its_role(plane, name):
    session = plane.user(name, "operator")
    made = session.call("createToken", {"label": "ci", "role": "viewer"})
    assert made.status == 201 and made.fields["Location"] == f"/api/v1/tokens/{made.json['id']}"
    who = plane.bearer(made.json["token"]).ok("whoami")
    assert who == {"account": name, "role": "viewer", "is_session": False, "must_change": False, "expires_ms": 0, "label": "ci"}
    listed = session.call("listTokens")
    assert [(item["id"], item["account"], item["label"], item["role"]) for item in listed.json["items"]] == [
        (made.json["id"], name, "ci", "viewer")]  # fmt: skip
    assert made.json["token"].encode() not in listed.body


def test_a_token_has_the_role_of_who_makes_it_by_default(plane, name):
    made = plane.user(name, "operator").ok("createToken", {"label": "same"})
    assert made["role"] == "operator" == plane.bearer(made["token"]).ok("whoami")["role"]


def test_no_token_may_more_than_its_maker_or_its_account(plane, name):
    session = plane.user(name, "operator")
    assert session.call("createToken", {"label": "up", "role": "admin"}).problem == "forbidden"
    viewer = plane.bearer(session.ok("createToken", {"label": "down", "role": "viewer"})["token"])
    assert viewer.call("createToken", {"label": "up", "role": "operator"}).problem == "forbidden"
    # An admin makes one for somebody else: never above the account's own role, and it is told so.
    made = plane.admin.call("createToken", {"label": "theirs", "role": "admin", "account": name})
    if made.status == 201:
        assert plane.bearer(made.json["token"]).ok("whoami")["role"] == made.json["role"] == "operator"
    else:
        assert made.status in (403, 422)


def test_a_token_ends_when_it_was_said_to(plane):
    expires = int(time.time() * 1000) + 1500
    made = plane.admin.ok("createToken", {"label": "short", "role": "viewer", "expires_ms": expires})
    assert made["expires_ms"] == expires
    token = plane.bearer(made["token"])
    assert token.ok("whoami")["expires_ms"] == expires
    while time.time() * 1000 < expires + 20:
        time.sleep(0.05)
    assert token.call("whoami").problem == "unauthenticated"


@pytest.mark.parametrize("body,place", [
    ({"label": ""}, "/label"), ({"label": "a b"}, "/label"), ({"label": "a/b"}, "/label"), ({"label": "a" * 65}, "/label"), ({}, "/label"),
    ({"label": 5}, "/label"), ({"label": "a", "role": "root"}, "/role"), ({"label": "a", "expires_ms": 1}, "/expires_ms"),
    ({"label": "a", "expires_ms": -1}, "/expires_ms"), ({"label": "a", "expires_ms": "soon"}, "/expires_ms"),
    ({"label": "a", "expires_ms": 1.5}, "/expires_ms"), ({"label": "a", "x": 1}, "/x"),
], ids=str)  # fmt: skip
def test_a_token_that_makes_no_sense_is_refused(plane, body, place):
    answer = plane.admin.call("createToken", body)
    assert answer.status == 422 and [where for where, _ in answer.errors] == [place]


def test_tokens_are_ones_own_but_for_an_admin(plane, name):
    mine = plane.user(name).ok("createToken", {"label": "mine"})
    other = plane.user(name + "x")
    assert other.ok("listTokens")["items"] == []
    assert other.call("listTokens", query={"account": name}).problem == "forbidden"
    assert other.call("createToken", {"label": "a", "account": name}).problem == "forbidden"
    assert other.call("deleteToken", id=mine["id"]).status == 404  # nobody is told that there is one
    assert plane.bearer(mine["token"]).call("whoami").status == 200
    listed = plane.admin.ok("listTokens", query={"account": name})["items"]
    assert [item["id"] for item in listed] == [mine["id"]]
    assert mine["id"] in [item["id"] for item in plane.admin.ok("listTokens")["items"]]
    assert plane.admin.call("deleteToken", id=mine["id"]).status == 204
    assert plane.bearer(mine["token"]).call("whoami").problem == "unauthenticated"
    assert plane.admin.call("deleteToken", id=mine["id"]).problem == "not-found"


@pytest.mark.parametrize("number", ["0", "x", "-1", "1.5", "99999999999999999999", "1%20"])
def test_what_is_no_token_is_not_found(plane, number):
    answer = plane.admin.send("DELETE", f"/api/v1/tokens/{number}")
    assert (answer.status, answer.problem) == (404, "not-found")


def test_a_session_cannot_be_taken_back_as_a_token(plane, name):
    """Their numbers are of one kind; only tokens are listed and taken back."""
    session = plane.user(name)
    made = session.ok("createToken", {"label": "a"})
    for number in range(max(1, made["id"] - 5), made["id"]):
        session.call("deleteToken", id=number)
    assert session.ok("whoami")["account"] == name


@pytest.mark.soak
def test_an_account_has_a_bounded_number_of_tokens(plane, name):
    session = plane.user(name)
    for number in range(1001):
        answer = session.call("createToken", {"label": f"t{number}"}, judged=number % 100 == 0)
        if answer.status != 201:
            break
    assert (answer.status, answer.problem) == (409, "too-many") and 900 < number <= 1000


# ---- what is left behind ----


def test_nothing_of_a_secret_is_in_the_log_or_the_database(plane, name):
    session = plane.user(name)
    made = session.ok("createToken", {"label": "kept"})
    attempt(client(plane), "admin", "a-password-nobody-has")
    files = [path for path in plane.state.iterdir() if path.is_file()]
    assert files
    kept = b"".join(path.read_bytes() for path in files) + "\n".join(plane.program.lines).encode()
    for secret in (made["token"], session.fields["Cookie"].partition("=")[2], session.fields["X-CSRF-Token"], PASSWORD, "a-password-nobody-has"):
        assert secret.encode() not in kept, secret


def test_the_files_of_the_store_are_nobody_elses(plane):
    for path in plane.state.iterdir():
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir(), path
