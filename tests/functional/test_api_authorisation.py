"""Every operation of the contract with every kind of credentials: who is let in, and what the others are told."""
import time

import contract
import control
import pytest

# Who calls, in the order of what they may; the rest is nobody's.
CALLERS = ["nobody", "garbage token", "malformed token", "another scheme", "expired token", "revoked token",
           "garbage session", "must-change session", "must-change token", "ended session", "session without CSRF token", "session with another's CSRF token",
           "viewer", "operator", "admin", "viewer session", "operator session", "admin session",
           "admin's token of an operator", "admin's token of a viewer"]  # fmt: skip
STRANGERS = {"nobody", "garbage token", "malformed token", "another scheme", "expired token", "revoked token",
             "garbage session", "ended session"}  # fmt: skip
RANKS = {"nobody": 0, "viewer": 1, "operator": 2, "admin": 3}
RANK = {"viewer": 1, "operator": 2, "admin": 3, "viewer session": 1, "operator session": 2, "admin session": 3,
        "admin's token of an operator": 2, "admin's token of a viewer": 1}  # fmt: skip


class World:
    """A plane with a caller of each kind. Each call gets targets of its own that are not there, so none does harm."""

    def __init__(self, make):
        self.plane = plane = control.Plane(make)
        admin = plane.admin
        sessions = {role: plane.user(f"a-{role}", role) for role in ("viewer", "operator", "admin")}
        ended = plane.user("a-leaver")
        ended.ok("logout")
        admin.ok("createUser", {"name": "a-newcomer", "role": "admin", "password": control.PASSWORD})
        newcomer = plane.login("a-newcomer", control.PASSWORD)
        assert newcomer.ok("whoami")["must_change"] is True
        revoked = admin.ok("createToken", {"label": "revoked", "role": "admin"})
        admin.ok("deleteToken", id=revoked["id"])
        expires = int(time.time() * 1000) + 1500
        expired = admin.ok("createToken", {"label": "expired", "role": "admin", "expires_ms": expires})
        # It is known already when it expires.
        assert plane.bearer(expired["token"]).call("whoami").status == 200
        while time.time() * 1000 <= expires + 50:
            time.sleep(0.05)
        bearer = plane.bearer
        self.callers = {
            "nobody": plane.stranger,
            "garbage token": bearer("hw" + "x" * 44),
            "malformed token": bearer("no token"),
            "another scheme": control.Api(plane.address, {"Authorization": "Basic YWRtaW46YWRtaW4="}),
            "expired token": bearer(expired["token"]),
            "revoked token": bearer(revoked["token"]),
            "garbage session": control.Api(plane.address, {"Cookie": "headwater_session=hw" + "x" * 44, "X-CSRF-Token": "0" * 32}),
            "must-change session": newcomer,
            "must-change token": bearer(admin.ok("createToken", {"label": "new", "role": "admin", "account": "a-newcomer"})["token"]),
            "ended session": ended,
            "session without CSRF token": sessions["admin"].with_fields(X_CSRF_Token=None),
            "session with another's CSRF token": sessions["admin"].with_fields(
                X_CSRF_Token=sessions["operator"].fields["X-CSRF-Token"]),
            **{role: getattr(plane, role) for role in ("viewer", "operator", "admin")},
            **{f"{role} session": session for role, session in sessions.items()},
            "admin's token of an operator": bearer(admin.ok("createToken", {"label": "o", "role": "operator"})["token"]),
            "admin's token of a viewer": bearer(admin.ok("createToken", {"label": "v", "role": "viewer"})["token"]),
        }  # fmt: skip


@pytest.fixture(scope="module")
def world(make_once):
    return World(make_once)


NAMES = {"name": "absent.test", "account": "absent", "id": 999999999, "number": 999999999}
# Bodies that are well-formed, and change nothing: the domain, the account, the token are not there, or a field is wrong.
BODIES = {
    "login": {"account": "absent", "password": "not the password"},
    "changePassword": {"old": "not the password", "new": "too short"},
    "createUser": {"name": "-", "role": "viewer"},
    "changeUser": {"role": "viewer"},
    "createToken": {"label": ""},
    "createDomain": {"name": "-", "origin": {"addresses": ["192.0.2.1"]}},
    "weighAddress": {"role": "origin", "address": "192.0.2.1", "weight": 0},
    "rollbackDomain": {"revision": 1},
    "changeSettings": {"no_such_setting": None},
    "rollbackSettings": {"revision": 1},
    "apply": "domains: none",
    "createPurge": {"what": "domain", "values": ["absent.test"]},
}


def wanted(operation, caller):
    """What the caller is told: the name of a problem, or None for whoever is let in."""
    if operation.role == "nobody":
        return None
    if caller in STRANGERS:
        return "unauthenticated"
    if caller in ("session without CSRF token", "session with another's CSRF token"):
        return "csrf" if operation.method != "GET" else None
    if caller in ("must-change session", "must-change token"):
        return None if operation.is_for_must_change else "password-change-required"
    return None if RANK[caller] >= RANKS[operation.role] else "forbidden"


def is_harmful(operation, caller):
    """What would end the caller."""
    return operation.id == "logout" and wanted(operation, caller) is None


ROWS = [(operation, caller) for operation in contract.operations() for caller in CALLERS if not is_harmful(operation, caller)]


@pytest.mark.parametrize("operation,caller", ROWS, ids=str)
def test_who_may(world, operation, caller):
    body = None
    if operation.bodies():
        body = BODIES.get(operation.id, {"origin": 5} if "origin" not in operation.template else {"type": 5})
    fields = {"If-Match": "*"} if operation.parameters_in("header") else {}
    answer = world.callers[caller].call(operation.id, body, fields=fields, **NAMES)
    refusal = wanted(operation, caller)
    refusals = ("unauthenticated", "csrf", "password-change-required", "forbidden")
    if refusal is None:
        assert answer.problem not in refusals, answer
    else:
        assert answer.problem == refusal, answer
    assert answer.status != 500


def test_nothing_has_changed(world):
    """After all of the above."""
    admin = world.plane.admin
    assert admin.ok("listDomains")["items"] == []
    assert {user["name"] for user in admin.ok("listUsers")["items"]} == {
        "admin", "a-viewer", "a-operator", "a-admin", "a-leaver", "a-newcomer"}  # fmt: skip


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if RANK.get(caller)])
def test_who_signs_out_is_nobody_afterwards(make_once, caller, world):
    """Whoever may call it; a copy of the caller is signed out, so that the order of tests does not matter."""
    admin = world.plane.admin
    if "session" in caller:
        role = caller.partition(" ")[0]
        one = world.plane.login(f"a-{role}", control.PASSWORD)
    else:
        one = world.plane.bearer(admin.ok("createToken", {"label": "leaver", "role": "viewer"})["token"])
    assert one.call("whoami").status == 200
    assert one.call("logout").status == 204
    assert one.call("whoami").problem == "unauthenticated"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api", "/index.html", "/metrics/x"])
def test_a_path_that_is_not_there_is_the_same_for_everybody(world, path):
    answers = {(answer.status, answer.problem) for answer in
               (one.send("GET", path) for one in world.callers.values())}  # fmt: skip
    assert answers == {(404, "not-found")}
