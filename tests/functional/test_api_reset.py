"""A password that nobody knows any more."""
import re
import signal

import control
from caching import wait_until

RESET = re.compile(r"the account with a new password is admin, its password (\S+) ")


def test_a_file_and_a_signal_make_a_new_password(make):
    plane = control.Plane(make, "serve", workers=1)
    session = plane.login("admin", control.PASSWORD)
    (plane.state / "reset-admin").touch()
    plane.program.signal(signal.SIGHUP)
    password = RESET.search(plane.program.wait_line(RESET.pattern, 30))[1]
    plane.wait_open()
    assert not (plane.state / "reset-admin").exists()
    # Nobody is signed in any more; tokens go on.
    wait_until(lambda: session.send("GET", "/api/v1/whoami").status == 401, "the session is over", 10)
    assert plane.admin.ok("whoami")["role"] == "admin"
    assert plane.login("admin", password).ok("whoami")["must_change"] is True
    refused = plane.stranger.send("POST", "/api/v1/login", {"account": "admin", "password": control.PASSWORD})
    assert refused.status == 401, refused
