"""What a broker says first. Loaded then, and not kept. Source: MQTT 3.1.1, 3.2."""

from aimdb_net.errors import ConnectionLost, Refused
from micropython import const

_CONNACK = const(0x20)
_REFUSALS = const("protocol version,client id,broker not available,bad user name or password,not authorized")


def session_kept(broker, first: int, body) -> int:
    """1: the broker has kept our session. Raises `PeerError` when it has not accepted the connection."""
    if first != _CONNACK or len(body) != 2:
        raise ConnectionLost("packet %#x of %d bytes instead of CONNACK" % (first, len(body)))
    code = body[1]
    if code:
        reasons = _REFUSALS.split(",")
        reason = reasons[code - 1] if code <= len(reasons) else "reason %d" % code
        raise Refused("%s refused the connection: %s" % (broker.name, reason))
    return body[0] & 1
