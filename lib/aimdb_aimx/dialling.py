"""The settings of a `Hub`, checked and put into the form in which they are used. Loaded for that, and not kept."""

import json

from aimdb import kept, once
from aimdb.errors import check_int
from aimdb_net import checks
from aimdb_net.address import parse
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .hub import Hub


def settle(hub, url, token, in_flight, max_frame, times: tuple, tls) -> None:
    """Give `hub` the attributes that stand for its arguments. Raises `TypeError` or `ValueError`."""
    hub.name, is_tls, hub.host, hub.port, user, _, key = parts_of(url)
    if key:
        raise ValueError("the URL of a hub ends before the key: %s" % hub.name)
    if token is None:
        token = user
    elif not isinstance(token, str) or not token:
        raise TypeError("token is a string, and not empty")
    elif user is not None and user != token:
        raise ValueError("the URL has another token")
    if token is not None:
        once("arguments").check_name("a token", token)
    check_int("in_flight", in_flight, 1, 1000)
    check_int("max_frame", max_frame, 256, 65536)
    keepalive_s, timeout_ms, retry_ms = times
    checks.settle(hub, keepalive_s, timeout_ms, retry_ms, is_tls, tls)
    hub.max_packet = max_frame + 4
    hub.first_port = 49152 + hub.port % 16384  # The same after each start of the board.
    hub.credentials = token, None
    params = {"client": "aimdb-micropython", "version": "3.0"}
    if token is not None:
        params["auth_token"] = token
    text = b'{"t":"req","id":0,"method":"hello","params":%s}' % json.dumps(params).encode()
    hub.hello = bytearray(len(text).to_bytes(4, "big") + text)


def parts_of(url: str) -> tuple:
    """The parts of an AimX URL; see `parse`. Its user is the token."""
    parts = parse(url, "aimx", (7433, 7433))
    if parts[5] is not None:
        raise ValueError("a token has no password: aimx://token@host:port/key")
    return parts


def hub_for(url: str, hub: "Any") -> "tuple[Hub, str]":
    """The hub that `url` means, made if there is none yet, and the key. Raises `TypeError` or `ValueError`."""
    hub, key = checks.peer_for(kept("hub", "aimdb_aimx").Hub, url, parts_of(url), hub)
    if not key:
        raise ValueError("the URL names no record: aimx://host:port/key")
    for character in key:
        if character in '"\\#*' or character < " ":
            raise ValueError("the key of a record has no quotes, backslashes, # or *: %r" % key)
    once("arguments").check_name("the key of a record", key)
    return hub, key
