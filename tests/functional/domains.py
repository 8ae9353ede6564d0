"""Domains as the program reads them, with the short times that tests need."""
SHORT = {"connect_timeout": "1s", "head_timeout": "1s", "idle_timeout": "1s"}
SLACK = 1.0  # seconds over a deadline that a busy machine may take


def address_of(server):
    return server if isinstance(server, str) else server.address


def origin_of(servers, **fields):
    """An origin of one or several servers: Origins, Nginxes, or addresses as text."""
    if not isinstance(servers, (list, tuple)):
        servers = [servers]
    return {"type": "self", "addresses": [address_of(server) for server in servers], **SHORT, **fields}


def domain(master, backup=None, name="edge.test", **fields):
    """A domain; master and backup are servers, or dicts made by origin_of."""
    made = {"name": name, "origin": master if isinstance(master, dict) else origin_of(master), **fields}
    if backup is not None:
        made["backup"] = backup if isinstance(backup, dict) else origin_of(backup)
    return made
