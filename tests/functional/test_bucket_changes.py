"""Modify: a domain goes from servers of one's own to a bucket and back, by the API and by the command line."""
import control
import pytest
from caching import wait_until
from commands import EXIT_FAILED, Commands
from control import domain, name, newest  # noqa: F401 - a fixture
from cos_store import CosStore, Signer
from origin import Reply

R1_MASTER = "R1: only a domain whose master origin is self-owned has a hot backup origin"
R3 = "R3: the origin of a domain that a bucket created by itself cannot be modified"


@pytest.fixture(scope="module")
def world(make_once):
    """A plane with an edge, servers of one's own, and a COS."""
    plane = control.Plane(make_once, "serve", flags={"cache_memory": "64m"})
    plane.own, plane.backup = make_once.origin("own"), make_once.origin("backup")
    for one in (plane.own, plane.backup):
        one.default = Reply(fields=(("Cache-Control", "max-age=3600"),), body=b"own")
    plane.cos = CosStore(make_once.origin("cos"), make_once.closing.add(Signer(), Signer.stop))
    plane.cos.objects = {f"{number}.txt": b"of the bucket" for number in range(9)} | {"kept.txt": b"of the bucket"}
    return plane


@pytest.fixture
def cli(make, world):
    token = world.admin.fields["Authorization"].removeprefix("Bearer ")
    return Commands(make.inside("home"), "http://%s:%s" % world.address, token)


def at_cos(world, **fields):
    return {"type": "cos", "bucket": {"endpoint": world.cos.host, "access": "private", "key_id": "AKIDtest", "secret": "secret", **fields}}


def pulled(world, name, path):
    response = world.program.get(path, host=name)
    return response.status, response.body


def create(world, name, **fields):
    world.admin.ok("createDomain", domain(name, world.own.address, **fields))
    wait_until(lambda: world.program.get("/0.txt", host=name).status == 200, "it is served", 10)


def test_modify_to_cos_and_back_by_the_api(world, name):
    create(world, name)
    assert pulled(world, name, "/kept.txt") == (200, b"own")
    modified = world.admin.call("replaceOrigin", at_cos(world), name=name, fields={"If-Match": "*"})
    assert modified.status == 200 and modified.json["bucket"]["secret"] == control.MASK and modified.json["addresses"] == []
    assert newest(world.viewer, name)["action"] == "origin.modify"
    wait_until(lambda: pulled(world, name, "/1.txt") == (200, b"of the bucket"), "the bucket is asked", 10)
    # What is cached stays valid.
    asked = len(world.cos.origin.requests)
    kept = world.program.get("/kept.txt", host=name)
    assert (kept.body, kept.fields.get("X-Cache")) == (b"own", "HIT") and len(world.cos.origin.requests) == asked
    told = world.viewer.ok("explainRequest", query={"url": f"http://{name}/2.txt"})
    assert told["origins"][0]["bucket"] == world.cos.host and told["origins"][0]["is_private"] is True
    assert any(f"for the private bucket {world.cos.host}" in step for step in told["steps"]), told["steps"]
    for method, path, status, reason in (("POST", "/2.txt", 405, "not_allowed"), ("GET", "/a/../2.txt", 400, "bad_request")):
        outcome = world.viewer.ok("explainRequest", query={"url": f"http://{name}{path}", "method": method})["outcome"]
        assert (outcome["status"], outcome["reason"], outcome["from"]) == (status, reason, "edge")
        real = world.program.ask(method, path, host=name)
        assert (real.status, real.error) == (status, reason)
    # A bucket has no address of its own to be drained.
    weighed = world.admin.call("weighAddress", {"role": "origin", "address": world.cos.host, "weight": 0}, name=name)
    assert (weighed.status, weighed.errors) == (422, [("/address", "unknown")])
    assert world.viewer.ok("readDomainHealth", name=name)["origin"][0]["address"] == world.cos.host

    back = world.admin.call("replaceOrigin", {"addresses": [world.own.address]}, name=name, fields={"If-Match": "*"})
    assert back.status == 200 and back.json["type"] == "self"
    wait_until(lambda: pulled(world, name, "/3.txt") == (200, b"own"), "the own servers are asked", 10)


def test_modify_by_a_patch(world, name):
    create(world, name)
    world.admin.ok("changeOrigin", {**at_cos(world), "addresses": None}, name=name)
    wait_until(lambda: pulled(world, name, "/1.txt") == (200, b"of the bucket"), "the bucket is asked", 10)
    answer = world.admin.call("changeOrigin", {"type": "self", "addresses": [world.own.address]}, name=name)
    assert (answer.status, answer.errors) == (422, [("/bucket", "value")])  # it must be said that the bucket goes
    world.admin.ok("changeOrigin", {"type": "self", "addresses": [world.own.address], "bucket": None}, name=name)
    wait_until(lambda: pulled(world, name, "/2.txt") == (200, b"own"), "the own servers are asked", 10)


def test_modify_is_refused_while_there_is_a_backup_and_offers_to_remove_it(world, name):
    create(world, name, backup=[world.backup.address])
    before = world.viewer.revision_of(name)
    refused = world.admin.call("replaceOrigin", at_cos(world), name=name, fields={"If-Match": "*"})
    assert refused.status == 422 and refused.errors == [("/backup", "R1")] and R1_MASTER in refused.body.decode()
    assert world.viewer.revision_of(name) == before
    done = world.admin.call("replaceOrigin", at_cos(world), name=name, fields={"If-Match": "*"}, query={"remove_backup": "1"})
    assert done.status == 200 and world.viewer.revision_of(name) == before + 1
    assert world.viewer.call("readBackup", name=name).status == 404
    wait_until(lambda: pulled(world, name, "/1.txt") == (200, b"of the bucket"), "the bucket is asked", 10)
    # One revision, so one rollback undoes both.
    world.admin.ok("rollbackDomain", {"revision": before}, name=name)
    now = world.viewer.ok("readDomain", name=name)
    assert now["origin"]["type"] == "self" and now["backup"]["addresses"] == [world.backup.address]


def test_modify_to_cos_and_back_by_the_command_line(world, name, cli, tmp_path):
    create(world, name, backup=[world.backup.address])
    (tmp_path / "secret").write_text("secret\n")
    words = ["type=cos", "addresses=", f"bucket.endpoint={world.cos.host}", "bucket.access=private", "bucket.key_id=AKIDtest",
             f"bucket.secret=@{tmp_path / 'secret'}"]  # fmt: skip
    refused = cli.run("origin", "set", name, *words)
    assert refused.code == EXIT_FAILED and R1_MASTER in refused.errors and "/backup" in refused.errors
    out = cli.ok("origin", "set", name, *words, "--remove-backup")
    assert f"{name} is at revision" in out
    wait_until(lambda: pulled(world, name, "/1.txt") == (200, b"of the bucket"), "the bucket is asked", 10)
    shown = cli.ok("domain", "show", name)
    assert "origin.bucket.secret: ********" in shown and f"origin.bucket.endpoint: {world.cos.host}" in shown
    assert "secret\n" not in shown and "origin.addresses" not in shown and "backup" not in shown
    assert f"bucket {world.cos.host}" in cli.ok("explain", f"http://{name}/2.txt")
    cli.ok("origin", "set", name, world.own.address, "type=self", "bucket=")
    wait_until(lambda: pulled(world, name, "/3.txt") == (200, b"own"), "the own servers are asked", 10)


def test_the_keys_of_a_bucket_rotate_by_the_api(world, name):
    create(world, name)
    world.admin.call("replaceOrigin", at_cos(world), name=name, fields={"If-Match": "*"})
    world.cos.keys["AKIDrotated"] = "another secret"
    world.admin.ok("changeOrigin", {"bucket": {"key_id": "AKIDrotated", "secret": "another secret"}}, name=name)
    for number in range(1, 9):
        wait_until(lambda: pulled(world, name, f"/{number}.txt?{number}") == (200, b"of the bucket"), "the bucket is asked", 10)
        if "AKIDrotated" in world.cos.origin.requests[-1].fields.get("Authorization"):
            break
    assert "q-ak=AKIDrotated&" in world.cos.origin.requests[-1].fields.get("Authorization")
    assert "SignatureDoesNotMatch" not in world.cos.refusals


def test_the_origin_of_a_buckets_default_domain_cannot_be_modified(world, name, cli):
    world.admin.ok("createDomain", {"name": name, "kind": "bucket_default", "origin": at_cos(world)})
    for operation, body, fields in (
            ("replaceOrigin", {"addresses": ["192.0.2.1"]}, {"If-Match": "*"}), ("replaceOrigin", {**at_cos(world), "keepalive": "1s"}, {"If-Match": "*"}),
            ("changeOrigin", {"bucket": {"access": "public"}}, {})):  # fmt: skip
        answer = world.admin.call(operation, body, name=name, fields=fields)
        assert answer.status == 422 and "R3" in {rule for _, rule in answer.errors}, answer
    refused = cli.run("origin", "set", name, "192.0.2.1", "type=self", "bucket=")
    assert refused.code == EXIT_FAILED and R3 in refused.errors
    # Its keys may be rotated.
    world.admin.ok("changeOrigin", {"bucket": {"key_id": "AKIDother", "secret": "other"}}, name=name)


def test_a_bucket_that_cannot_be_meant_is_refused(world, name):
    rows = {
        "/origin/bucket/style": {"type": "cos", "bucket": {"endpoint": "a.test", "bucket": "b", "style": "path"}},
        "/origin/bucket/bucket": {"type": "s3", "bucket": {"endpoint": "a.test", "style": "path"}},
        "/origin/bucket/endpoint": {"type": "s3", "bucket": {"endpoint": "https://a.test"}},
        "/origin/bucket/region": {"type": "s3", "bucket": {"bucket": "b", "region": "a/b"}},
        "/origin/bucket/key_id": {"type": "s3", "bucket": {"endpoint": "a.test", "key_id": "a, b"}},
        "/origin/host": {"type": "s3", "bucket": {"endpoint": "a.test"}, "host": "b.test"},
        "/origin/probe/path": {"type": "s3", "bucket": {"endpoint": "a.test"}, "probe": {"path": "/a/../b"}},
        "/origin/addresses/0": {"type": "s3", "bucket": {"endpoint": name}},  # it would ask itself
    }
    for place, origin in rows.items():
        answer = world.admin.call("createDomain", {"name": name, "origin": origin})
        assert answer.status == 422 and [where for where, _ in answer.errors] == [place], (place, answer)
