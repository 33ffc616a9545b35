"""What becomes of a value that a hub does not take. Loaded then, and not kept.

AimX tells why by a word. `denied` and `not_found` speak of the record: somebody may mend that, so the value is kept.
`internal` speaks of the value, or of a record that has no room: it is tried three times.
"""

from aimdb_net.errors import Refused
from micropython import const

_ATTEMPTS = const(3)
_BEFORE_VALUE = const(b'"value":')  # The first of them in a packet; see `links.route_to`.


def waits(flight) -> bool:
    """Whether a flight of a link that has ended is to be sent once more, by its next link or the next connection."""
    if not flight.resend or getattr(flight, "waited", False):
        return False
    flight.waited = True
    flight.sent_at = None
    return True


def of(hub, flight, number: int, word: str) -> "Refused | None":
    """The error with which the flight of this id ends. None: its link keeps it, to try it again."""
    source = flight.source
    name = source.__name__ if source else hub.name
    refusals = getattr(flight, "refusals", 0) + (word not in ("denied", "not_found"))
    is_kept = refusals < _ATTEMPTS and hasattr(source, "stall") and source.stall(flight, number)
    error = Refused("%s does not take a value: %s" % (name, word))
    flight.refusals = refusals
    if flight.resend or not source or source.sends_newest:
        # Nobody else hears of it.
        start = flight.packet.find(_BEFORE_VALUE) + len(_BEFORE_VALUE)
        hub.refused(source and source.key, name, flight.packet[start:-2], error)
    return None if is_kept else error
