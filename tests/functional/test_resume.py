"""Bodies that their origin breaks off are finished by somebody else, unseen; or they end visibly broken."""
import pytest
from broken import File, ask
from domains import domain, origin_of

SIZE = 500_000


def serve(make, *files, backup=None, **fields):
    """A Headwater whose master has an address for each file, asked in this order, and a backup."""
    masters = [make.origin(f"master{number}") for number in range(len(files))]
    for origin, file in zip(masters, files):
        origin.default = file
    slave = None
    if backup is not None:
        slave = make.origin("backup")
        slave.default = backup
    fields.setdefault("cache", {"mode": "off"})
    return make.headwater([domain(origin_of(masters), slave, **fields)])


@pytest.mark.parametrize("how", ["close", "reset", "hang"])
@pytest.mark.parametrize("place", [1, 100_000, SIZE - 1])
def test_the_rest_comes_from_the_same_address(make, how, place):
    file = File(SIZE, breaks=[(how, place)])
    server = serve(make, file)
    response = server.get("/a")
    assert (response.status, response.digest) == (200, file.digest)
    first = place - min(place, 4096)
    assert file.pulls == [("GET", None, None), ("GET", f"bytes={first}-", '"1"')]
    (line,) = server.wait_log(1)
    print(line)
