"""A fleet: edges of other machines, which are known to their control plane by certificates."""
import re
import socket
import ssl
import subprocess
import time

import control
import pytest
from caching import says, wait_until, word
from control import API, Api, domain
from program import Headwater, flag_list, run

LINK = re.compile(r"edges of other machines connect to (\S+)")
NAME = "edge.test"


class Fleet:
    """A control plane by itself, with an authority."""

    def __init__(self, make, folder, **flags):
        self.make, self.folder = make, folder
        self.authority = folder / "authority.pem"
        self.identity("127.0.0.1", "control.pem")
        flags = {"link": "127.0.0.1:0", "link_identity": folder / "control.pem", **flags}
        self.plane = control.Plane(make, flags=flags)
        self.link = self.find_link()

    def find_link(self):
        return LINK.search(self.plane.program.wait_line(LINK.pattern, 30))[1]

    def identity(self, name, file, authority=None):
        path = self.folder / file
        code, _, errors = run("identity", "--authority", authority or self.authority, "--name", name, "--out", path)
        assert code == 0, errors
        return path

    def edge(self, name, file=None, **flags):
        """A `serve` that has its domains from there."""
        folder = self.make.inside(f"edge-{name}")
        identity = file or self.identity(name, f"{name}.pem")
        flags = {"control": self.link, "link_identity": identity, "edge_name": name, "cache_memory": "16m", **flags}
        program = Headwater(folder, flags=flags, workers=2)
        self.make.closing.add(program, Headwater.stop)
        return program.start()

    def edges(self):
        return {edge["id"]: edge for edge in self.plane.viewer.ok("listEdges")["items"]}


@pytest.fixture
def fleet(make, tmp_path):
    return Fleet(make, tmp_path)


def serve(fleet):
    """A domain with an origin whose answers are kept."""
    origin = fleet.make.origin("one")
    origin.default = says("Cache-Control: max-age=1000", body=b"kept")
    fleet.plane.admin.ok("createDomain", domain(NAME, origin.address))
    return origin


def get(edge):
    return edge.get("/x", host=NAME)


def test_edges_serve_what_a_control_plane_on_another_machine_says(fleet):
    origin = serve(fleet)
    edges = [fleet.edge("edge-1"), fleet.edge("edge-2")]
    for edge in edges:
        wait_until(lambda edge=edge: get(edge).status == 200, "the domain is live", 10)
    told = fleet.edges()
    assert set(told) == {"edge-1", "edge-2"}
    assert all(edge["from"].startswith("127.0.0.1:") for edge in told.values())
    assert [word(get(edge)) for edge in edges] == ["HIT", "HIT"]
    # A purge is done by both, and a question is answered by the one that is asked.
    number = fleet.plane.operator.ok("createPurge", {"what": "domain", "values": [NAME]})["number"]
    def is_done():
        one = fleet.plane.viewer.ok("readPurge", number=number)
        return len(one["edges"]) == 2 and all(edge["state"] == "done" for edge in one["edges"])

    wait_until(is_done, "the purge is done", 15)
    assert [word(get(edge)) for edge in edges] == ["MISS", "MISS"]
    explained = fleet.plane.viewer.ok("explainRequest", query={"url": f"http://{NAME}/x", "edge": "edge-2"})
    assert explained["domain"] == NAME, explained
    # A switch of the master is live on both at once.
    other = fleet.make.origin("two")
    other.default = says(body=b"other")
    fleet.plane.admin.ok("replaceOrigin", {"addresses": [other.address]}, name=NAME, fields={"If-Match": "*"})
    for edge in edges:
        wait_until(lambda edge=edge: edge.get("/y", host=NAME).body == b"other", "the new origin is live", 5)
    assert len(origin.requests) >= 2


def test_an_edge_serves_on_without_its_control_plane_and_comes_back(fleet):
    serve(fleet)
    edge = fleet.edge("edge-1")
    wait_until(lambda: get(edge).status == 200, "the domain is live", 10)
    program = fleet.plane.program
    program.stop()
    assert get(edge).status == 200
    edge.stop()
    edge.start()  # it has it from its own disk
    assert get(edge).status == 200
    host, _, port = fleet.link.rpartition(":")
    program.argv[program.argv.index("--link") + 1] = f"{host}:{port}"
    program.start()
    fleet.plane.find_address()
    fleet.plane.wait_open()
    fleet.plane.admin.address = fleet.plane.viewer.address = fleet.plane.address
    fleet.plane.admin.ok("createDomain", domain("new.test", "127.0.0.1:1"))
    wait_until(lambda: edge.get("/", host="new.test").status == 502, "the change has come", 20)


def test_an_edge_has_the_name_of_its_certificate(fleet):
    serve(fleet)
    edge = fleet.edge("edge-2", fleet.identity("edge-1", "edge-1.pem"))
    fleet.plane.program.wait_line("no edge: a connection from 127.0.0.1:.* its certificate is not for the name", 10)
    edge.wait_line(r"the control plane at 127.0.0.1:\d+ does not answer", 10)
    assert fleet.edges() == {}
    assert get(edge).status == 503


def test_who_is_of_another_fleet_learns_nothing(fleet, tmp_path):
    serve(fleet)
    other = fleet.identity("edge-1", "other.pem", tmp_path / "other-authority.pem")
    edge = fleet.edge("edge-1", other)
    line = edge.wait_line(r"the control plane at 127.0.0.1:\d+ does not answer", 10)
    assert "its certificate is not accepted" in line, line
    assert fleet.edges() == {}
    # Nor somebody who does not look who answers.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = fleet.link.rpartition(":")
    for certificate in (None, other):
        if certificate:
            context.load_cert_chain(certificate)
        with socket.create_connection((host, int(port)), 10) as plain:
            with pytest.raises(ssl.SSLError), context.wrap_socket(plain) as wrapped:
                assert wrapped.recv(1000) == b"", "it was told something"
                raise ssl.SSLError("the end")


def test_versions_before_tls_1_3_are_refused(fleet):
    identity = fleet.identity("edge-1", "edge-1.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(identity)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    host, _, port = fleet.link.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_a_certificate_is_renewed_without_a_restart(fleet):
    serve(fleet)
    edge = fleet.edge("edge-1")
    wait_until(lambda: get(edge).status == 200, "the domain is live", 10)
    path = fleet.folder / "control.pem"
    path.unlink()
    time.sleep(1.1)  # it is not looked at more often
    fleet.identity("127.0.0.1", "control.pem", fleet.folder / "next-authority.pem")
    # Who is connected stays so; who comes sees the new one.
    assert set(fleet.edges()) == {"edge-1"}
    late = fleet.edge("edge-2")
    late.wait_line("its certificate is not accepted", 10)
    (fleet.folder / "edge-2.pem").unlink()
    fleet.identity("edge-2", "edge-2.pem", fleet.folder / "next-authority.pem")
    wait_until(lambda: get(late).status == 200, "the domain is live", 20)
    assert set(fleet.edges()) == {"edge-1", "edge-2"}


def test_openssl_makes_files_that_do_as_well(make, tmp_path):
    """By somebody who has an authority already; RSA keys, and one between."""

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "sub.ext").write_text("basicConstraints=critical,CA:TRUE\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", 9, "-subj", "/CN=root")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "sub.key", "-out", "sub.csr", "-subj", "/CN=between")
    openssl("x509", "-req", "-in", "sub.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "sub.crt", "-days", 9, "-extfile", "sub.ext")  # fmt: skip
    for name, kind in (("127.0.0.1", "IP"), ("edge-1", "DNS")):
        (tmp_path / "leaf.ext").write_text(f"subjectAltName={kind}:{name}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", "leaf.csr", "-CA", "sub.crt", "-CAkey", "sub.key", "-CAcreateserial", "-out", "leaf.crt", "-days", 9, "-extfile", "leaf.ext")  # fmt: skip
        parts = [(tmp_path / part).read_text() for part in ("leaf.key", "leaf.crt", "sub.crt", "ca.crt")]
        (tmp_path / f"{name}.pem").write_text("".join(parts))
    fleet = Fleet.__new__(Fleet)
    fleet.make, fleet.folder = make, tmp_path
    fleet.plane = control.Plane(make, flags={"link": "127.0.0.1:0", "link_identity": tmp_path / "127.0.0.1.pem"})
    fleet.link = fleet.find_link()
    serve(fleet)
    edge = fleet.edge("edge-1", tmp_path / "edge-1.pem")
    wait_until(lambda: get(edge).status == 200, "the domain is live", 10)


def test_serve_has_edges_of_other_machines_beside_its_own(make, tmp_path):
    fleet = Fleet.__new__(Fleet)
    fleet.make, fleet.folder, fleet.authority = make, tmp_path, tmp_path / "authority.pem"
    fleet.identity("127.0.0.1", "control.pem")
    flags = {"link": "127.0.0.1:0", "link_identity": tmp_path / "control.pem", "edge_name": "near"}
    fleet.plane = control.Plane(make, "serve", flags=flags, workers=1)
    fleet.link = fleet.find_link()
    serve(fleet)
    far = fleet.edge("far")
    for edge in (fleet.plane.program, far):
        wait_until(lambda edge=edge: get(edge).status == 200, "the domain is live", 10)
    told = fleet.edges()
    assert set(told) == {"near", "far"}
    assert "from" not in told["near"] and told["far"]["from"].startswith("127.0.0.1:")
    # The sockets outlive the control process: who dies is replaced, and the edge comes back.
    [old] = fleet.plane.program.control_pids()
    fleet.plane.program.is_broken_fine = True
    subprocess.run(["kill", "-9", str(old)], check=True)
    wait_until(lambda: fleet.plane.program.control_pids() not in ([], [old]), "there is another one", 10)
    fleet.plane.wait_open()
    wait_until(lambda: set(fleet.edges()) == {"near", "far"}, "both are back", 20)


@pytest.mark.parametrize("words,says_what", [
    (["serve", "--control", "control.test:8083"], "control needs a file"),
    (["serve", "--control", "/nowhere", "--link", "127.0.0.1:1", "--link-identity", "/x"], "no control plane with a store"),
    (["control", "--state-dir", "/tmp", "--control", "control.test:8083", "--link-identity", "/x"], "is no path of a UNIX socket"),
])  # fmt: skip
def test_settings_that_go_together_with_nothing(words, says_what):
    code, _, errors = run(*words)
    assert code == 2 and says_what in errors, errors


def test_a_file_that_is_no_use_is_told(make, tmp_path):
    path = tmp_path / "control.pem"
    path.write_text("rubbish")
    plane = control.Plane(make, flags={"link": "127.0.0.1:0", "link_identity": path})
    plane.program.wait_line("has no private key", 10)
    assert plane.viewer.ok("listEdges")["items"] == []  # all else goes on
