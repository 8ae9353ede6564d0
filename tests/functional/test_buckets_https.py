"""Buckets over HTTPS: their own name is asked for and verified, and what is signed is the same."""
import pytest
from certificates import Authority, server_context
from cos_store import CosStore, Signer
from domains import SHORT, domain

NAME = "b-1250000000.cos.example.test"


@pytest.fixture(scope="module")
def authority(make_once):
    return Authority(make_once.inside("ca"))


@pytest.fixture(scope="module")
def signer(make_once):
    return make_once.closing.add(Signer(), Signer.stop)


def secure_cos(make, signer, certificate):
    store = CosStore(make.origin("cos", tls=server_context(certificate)), signer)
    store.objects["a.txt"] = b"of the bucket"
    return store


def serve(make, store, authority, name="edge.test", **fields):
    """The bucket has a name, which only our name server knows."""
    names = make.nameserver()
    names.set(NAME, ["127.0.0.1"])
    port = store.host.rpartition(":")[2]
    bucket = {"endpoint": f"cos.example.test:{port}", "bucket": "b-1250000000", "access": "private", "key_id": "AKIDtest", "secret": "secret"}
    origin = {"type": "cos", "bucket": bucket, "protocol": "https", "tls": {"ca": str(authority.path)}, **SHORT, **fields}
    return make.headwater([domain(origin, name=name)], flags={"dns_servers": names.address})


@pytest.mark.parametrize("name,host", [("edge.test", "edge.test"), ("*.edge.test", "a.edge.test")])
def test_the_name_of_the_bucket_is_verified_and_signed(make, signer, authority, name, host):
    store = secure_cos(make, signer, authority.issue(NAME))
    server = serve(make, store, authority, name)
    response = server.get("/a.txt", host=host)
    assert (response.status, response.body) == (200, b"of the bucket"), server.text
    assert store.refusals == [] and store.origin.requests[-1].fields.get("Host").startswith(NAME + ":")


def test_a_bucket_with_another_name_is_not_asked(make, signer, authority):
    store = secure_cos(make, signer, authority.issue("other.example.test"))
    response = serve(make, store, authority).get("/a.txt")
    assert (response.status, response.error) == (502, "tls_name") and not store.origin.requests


def test_a_private_bucket_is_probed_over_https(make, signer, authority):
    from caching import wait_until

    store = secure_cos(make, signer, authority.issue(NAME))
    serve(make, store, authority, probe={"path": "/a.txt", "interval": "1s"})
    wait_until(lambda: store.signed > 0, "it is probed", 10)
    assert store.refusals == []
