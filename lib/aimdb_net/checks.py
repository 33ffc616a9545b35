"""What users give, checked where they give it. Loaded then, and not kept."""

from aimdb import JsonCodec, once
from aimdb.errors import check_int
from micropython import const

_PEM = const(b"-----BEGIN CERTIFICATE-----")


def settle(peer, keepalive_s: int, timeout_ms: int, retry_ms, is_tls: bool, tls) -> None:
    """Give `peer` its times, and with `is_tls` what it trusts. Raises `TypeError` or `ValueError`."""
    check_int("keepalive_s", keepalive_s, 0, 65535)
    check_int("timeout_ms", timeout_ms, 1)
    if not isinstance(retry_ms, tuple) or len(retry_ms) != 2:
        raise TypeError("retry_ms is a pair (shortest, longest), not %r" % (retry_ms,))
    check_int("retry_ms[1]", retry_ms[1], 1)
    check_int("retry_ms[0]", retry_ms[0], 1, retry_ms[1])
    peer.keepalive_s = keepalive_s
    peer.timeout_ms = timeout_ms
    peer.retry_ms = retry_ms
    if tls is not None and not is_tls:
        raise ValueError("tls= is for a URL that begins with %ss://" % peer.name.partition(":")[0])
    peer.tls = context_of(tls) if is_tls else None


def enter(peer) -> None:
    """From now on `peer` is that of its address, and sends what another one had to send. Raises `ValueError`."""
    kind = type(peer).__name__
    name = peer.name
    known = peer.known
    idle = None
    for other in [each for each in known if each.name == name]:
        if other.fresh:
            raise ValueError("make the %s of %s before the links and buffers that use it" % (kind, name))
        if other.in_use():
            if other.client_id == peer.client_id:
                raise ValueError("%s has a %s already, that is in use: pass it to links and buffers" % (name, kind))
        elif not other.window.flights:
            known.remove(other)
        elif not idle or other.client_id == peer.client_id:
            idle = other  # There may be several: the one of the same client, or the oldest.
    known.append(peer)
    if idle:  # From here on it needs no heap.
        known.remove(idle)
        peer.window.flights, idle.window.flights = idle.window.flights, peer.window.flights
        peer.window.packet_id = idle.window.packet_id  # Links may keep more, which have lower ids.


def peer_for(kind, url: str, parts: tuple, peer) -> tuple:
    """The peer that a URL of these parts means, made if there is none yet, and the path. `peer`: one that was given.

    Raises `TypeError` or `ValueError`.
    """
    name, _, _, _, user, password, path = parts
    if peer is None:
        for other in kind.known:
            if other.name == name:
                peer = other  # The newest.
        if not peer:
            peer = kind(url[: len(url) - len(path)])
            peer.fresh = True
    elif not isinstance(peer, kind):
        raise TypeError("%s is a %s, not %r" % (kind.__name__.lower(), kind.__name__, peer))
    if user is not None and (user, password) != peer.credentials:
        raise ValueError("%s has other credentials already" % peer.name)
    return peer, path


def check_codec(codec: object) -> object:
    """The codec, or a `JsonCodec` for None. Raises `TypeError` for what is none."""
    return JsonCodec() if codec is None else once("arguments").check_codec(codec)


def note_link(record, peer: str, path: "list[str]", inward: bool, meet) -> None:
    """Remember a record's link to or from a path on a peer. Raises `ValueError` when its values would circle for ever.

    `meet(incoming, outgoing)`: whether what is sent to the second path comes from the first.
    """
    links: tuple = getattr(record, "net_links", ()) or getattr(record.buffer, "net_links", ())
    for other, others_path, others_inward in links:
        if other == peer and others_inward != inward:
            if meet(path, others_path) if inward else meet(others_path, path):
                raise ValueError("what comes from %r would be sent there again, without end" % "/".join(path))
    record.net_links = links + ((peer, path, inward),)


def context_of(tls):
    """An ssl.SSLContext that trusts the peer's certificate. Raises `TypeError` or `ValueError`."""
    import ssl

    if isinstance(tls, ssl.SSLContext):
        return tls
    if not isinstance(tls, (bytes, bytearray)):
        raise TypeError("a URL with TLS needs tls=, the bytes of the certificate that vouches for it, not %r" % (tls,))
    if _PEM in tls:
        from binascii import a2b_base64

        _, _, tls = bytes(tls).partition(_PEM)
        tls = a2b_base64(tls.partition(b"-----")[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cadata=tls)
    except (ValueError, OSError) as er:
        raise ValueError("tls is no certificate, in DER or PEM: %r" % (er,))
    return context
