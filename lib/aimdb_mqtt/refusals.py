"""Why a broker has not accepted a connection. Loaded then, and not kept."""

from micropython import const

# MQTT 3.1.1, 3.2.2.3.
_REFUSALS = const("protocol version,client id,broker not available,bad user name or password,not authorized")


def in_words(code: int) -> str:
    """What the code of a CONNACK means."""
    reasons = _REFUSALS.split(",")
    return reasons[code - 1] if code <= len(reasons) else "reason %d" % code
