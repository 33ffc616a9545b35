"""The reply to `hello`. Loaded for each, and not kept."""

import asyncio
import json

from . import once
from .requests import Refusal, may_write, refused


async def welcome(peer, params) -> tuple:
    """Its body. Raises `Refusal` for another version, and for a token that is wrong."""
    if not peer.sockets:  # On a serial line this may be another peer than before.
        once("ending").forget(peer)
    server = peer.server
    if not isinstance(params, dict):
        params = {}
    version = params.get("version")
    if not isinstance(version, str) or version.split(".")[0] != "3":
        raise Refusal("version_mismatch")
    if server.token is not None and peer.sockets:
        if not _is_same(params.get("auth_token"), server.token):
            refused(server, "a peer had a wrong token, or none")
            await asyncio.sleep_ms(1000)  # So that guessing takes for ever.
            raise Refusal("denied")
        peer.is_trusted = True
    if not peer.sockets:
        most = params.get("max_frame")  # What is no first-party client may say that it takes longer frames.
        peer.frames.longest = min(max(most, 8192), 65536) if type(most) is int else 8192
    writable = [entry[0].key for entry in server.db.remotes.values() if may_write(peer, entry)]
    text = {
        "authenticated": bool(server.token and peer.sockets),
        "max_subscriptions": server.subscriptions,
        "permissions": ["read", "write"] if peer.may_write else ["read"],
        "server": "aimdb",
        "version": "3.0",
        "writable_records": writable,
    }
    return (json.dumps(text).encode(),)


def _is_same(given, token):
    # In a time that does not tell how much of it is right.
    if not isinstance(given, str):
        return False
    given, token = given.encode(), token.encode()
    different = len(given) ^ len(token)
    for i in range(len(given)):
        different |= given[i] ^ token[i % len(token)]
    return not different
