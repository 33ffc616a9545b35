"""Checks what `AimxServer` is given, and tells how it serves. Loaded for that, and not kept."""

import sys

from aimdb import AimDb, check_int, once
from aimdb.waiting import current_loop


def settle(
    server,
    db,
    tcp=None,
    serial=None,
    token=None,
    anyone=None,
    tls=None,
    key="aimx",
    connections=4,
    subscriptions=16,
    max_frame=1024,
    timeout_ms=10000,
    silence_ms=60000,
    **others,
) -> str:
    """Give the server the attributes that stand for its arguments. Returns the key of its record.

    Raises `TypeError` or `ValueError`.
    """
    if others:
        once("options").check_named("AimxServer", "aimdb_aimx", others)
    if not isinstance(db, AimDb):
        raise TypeError("an AimxServer serves an AimDb, not %r" % (db,))
    if tcp is None and serial is None:
        raise ValueError("an AimxServer has a tcp= port to listen at, or a serial= stream, or both")
    for name in ("readinto", "write"):
        if serial is not None and not hasattr(serial, name):
            raise TypeError("serial is a stream with readinto and write, not %r" % (serial,))
    if serial is not None:
        once("arguments").check_stream("serial", serial)
    if token is not None and not isinstance(token, str):
        raise TypeError("token is a string, not %r" % (token,))
    if token == "":
        raise ValueError("token must not be empty")
    if anyone is not None and not (isinstance(anyone, str) and anyone in ("read", "write")):
        raise ValueError('anyone is "read" or "write", not %r' % (anyone,))
    if tcp is None:
        if not (token is None and anyone is None and tls is None):
            raise ValueError("token, anyone and tls are for tcp=, which is not given")
    else:
        check_int("tcp", tcp, 1, 65535)
        if (token is None) == (anyone is None):
            raise ValueError('tcp needs a token, or anyone="read" or "write" for peers without one; and not both')
    check_int("connections", connections, 1, 16)
    check_int("subscriptions", subscriptions, 1, 255)
    check_int("max_frame", max_frame, 128, 65536)
    check_int("timeout_ms", timeout_ms, 1)
    check_int("silence_ms", silence_ms, 1)
    server.tls = None if tls is None else _context_of(tls)
    server.db = db
    server.tcp = tcp
    server.serial = serial
    server.token = token
    server.anyone = anyone
    server.connections = connections
    server.subscriptions = subscriptions
    server.max_frame = max_frame
    server.timeout_ms = timeout_ms
    server.silence_ms = silence_ms
    return key


def announce(server) -> None:
    """Begin a run. Close what servers of a left loop have open, and say whom this server lets in."""
    for other in server.serving[:]:
        if other.loop is not current_loop():
            other.end_all()
            if other.door:
                other.door.close()
                other.door = None
            server.serving.remove(other)
    server.owned = once("access").owned(server.db)
    server.owned += [entry[0] for entry in server.db.remotes.values() if entry[0].buffer is server]
    if server.anyone:
        rights = "read" if server.anyone == "read" else "read and write"
        print("aimdb: port %d has no token: whoever reaches it may %s" % (server.tcp, rights), file=sys.stderr)
    server.loop = current_loop()
    server.serving.append(server)


def _context_of(tls):
    import ssl

    if isinstance(tls, ssl.SSLContext):
        return tls
    if not isinstance(tls, tuple) or len(tls) != 2:
        raise TypeError("tls is an ssl.SSLContext or a pair (certificate, key), not %r" % (tls,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls[0], tls[1])
    except (ValueError, OSError) as er:
        raise ValueError("tls is no certificate and its key, in DER: %r" % (er,))
    return context
