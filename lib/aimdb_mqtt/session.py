from collections import namedtuple
from time import ticks_ms, time

from aimdb import SingleLatest
from micropython import const

from . import once
from .errors import ConnectionLost, Refused
from .packets import number, packet
from .waits import Waits, tell
from .window import Window

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

# Of packets: the first byte, or its upper half.
_CONNACK = const(0x20)
_PUBLISH = const(3)
_PUBACK = const(4)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)

State = namedtuple("State", ("connected", "since", "attempts", "last_error"))


class Session:
    """The half of a `Broker` that knows its connection: what is on its way, what arrives, and what is said of it."""

    if TYPE_CHECKING:
        name: str
        timeout_ms: int
        clean_session: bool

    def __init__(self, in_flight: int):
        self.patience_ms = self.timeout_ms // 4  # So long what arrives waits for room, and holds up what is behind it.
        self.state = SingleLatest()
        self.refused_count = self.oversize_count = self.unclaimed_count = 0
        self.stale_count = self.given_up_count = self.lost_count = 0
        self.connected = False
        self.connection: "Any" = None  # A `Connection`; also while it is being made.
        self.peer = None  # The address that it goes to.
        self.window = Window(self, in_flight)
        self.inboxes: list = []  # Of subscriptions, and of topics that may yet be subscribed to.
        self.blocked: "Any" = None  # The inbox that has no room for what has arrived.
        self.expects = False  # Somebody may yet subscribe to what arrives.
        self.renewing = 0  # 1: the connection is to be renewed, to get again what an inbox had no room for. 2: at once.
        self.moved = Waits()  # Woken at every change of anything here,
        self.news = Waits()  # at CONNACK, PINGRESP, the end of the connection, or `retry`; for the task that keeps it,
        self.freed = Waits()  # and when an inbox has room.
        self.pinged_at: "Any" = None  # When a PINGREQ was sent, while its answer is due.
        self._published: "Any" = None  # What a PUBLISH is given to.
        self._asked = 0  # The packet id of the last SUBSCRIBE or UNSUBSCRIBE.
        self.error: "Any" = None  # Why the last attempt or connection failed.
        self._attempts = 0  # That failed since it was connected.
        self._tell(None)

    def take(self, first: int, body, whole: bool) -> bool:
        """Called with each packet that arrives. False: there is no room for it now; it is to come again.

        Raises `MqttError`, which ends the connection.
        """
        kind = first >> 4
        size = len(body)
        if not self.connected:
            self._greeted(first, body)
        elif kind == _PUBLISH:
            if self._published is None:
                from .arriving import published  # Now, for many programs only send.

                self._published = published
            return self._published(self, first, body, whole)
        elif kind == _PINGRESP and not size:
            self.pinged_at = None
            self.news.wake_all()
        elif kind in (_PUBACK, _SUBACK, _UNSUBACK) and size == (3 if kind == _SUBACK else 2):
            packet_id = body[0] << 8 | body[1]
            if kind == _PUBACK:
                self.window.acknowledged(packet_id)
                if self.renewing:
                    self.news.wake_all()
            elif kind == _SUBACK:
                for inbox in self.inboxes:
                    inbox.answered(packet_id, body[2])
            self.moved.wake_all()
        else:
            raise ConnectionLost("packet %#x of %d bytes is not for a client" % (first, size))
        return True

    def _greeted(self, first, body):
        if first != _CONNACK or len(body) != 2:
            raise ConnectionLost("packet %#x of %d bytes instead of CONNACK" % (first, len(body)))
        if body[1]:
            raise Refused("%s refused the connection: %s" % (self.name, once("words").refusal(body[1])))
        # Done here and not by a task that is woken: the next packet may be in our hands already.
        self.connected = True
        once("handover").begin(self, body[0] & 1)  # Before anybody can send something new.
        self._attempts = 0
        self._tell(None)
        self.news.wake_all()

    def ping(self) -> None:
        """Ask the broker whether it is there: the answer ends `pinged_at`."""
        self.pinged_at = ticks_ms()
        self.connection.send(packet(0xC0))

    def ask(self, first: int, *parts) -> int:
        """SUBSCRIBE or UNSUBSCRIBE: its packet id. Those of messages are lower."""
        self._asked = asked = self._asked + 1 & 0xFFFF | 0x8000
        self.connection.send(packet(first, number(asked), *parts))
        return asked

    def renew(self) -> None:
        """End the connection, as soon as nothing is on its way, and make another one."""
        if self.connected and not self.clean_session:
            self.renewing = self.renewing or 1
            self.news.wake_all()

    def overdue(self) -> None:
        """What has arrived has waited for too long: for room, or for somebody who subscribes to it."""
        if self.blocked is not None:
            once("handover").skip(self.blocked)
        else:
            self.expects = False

    def disconnect(self, error, goodbye: bool = False) -> None:
        """End the connection, or the attempt to make one, because of `error`; None: it is renewed."""
        if goodbye and self.connected:
            self.renewing = 2  # What still arrives is left to the next connection.
            try:
                once("goodbye").say(self.connection, self)
            except Exception:
                pass  # The broker sees that we are gone.
        connection, self.connection = self.connection, None
        was_connected, self.connected = self.connected, False
        self.pinged_at = self.blocked = self.peer = None
        self.renewing = 0
        if connection:
            connection.close()
        if error:
            self.error = error
            try:
                once("handover").end(self.window, error, connection)
            except MemoryError:
                pass  # The next connection begins with it.
            if not was_connected:
                self._attempts += 1
            self._tell(str(error), was_connected)

    def _tell(self, error, changed=True):
        last = self.state.peek()
        since = last.since if last and not changed else time()
        self.state.push(State(self.connected, since, self._attempts, error))
        self.moved.wake_all()

    def refused(self, key: str, name: str, what, error: Exception) -> None:
        """Count a payload or value of record `key` that cannot be used, and name it: the 1st, 2nd, 4th, 8th …"""
        self.refused_count += 1
        tell(self.refused_count, "record %r, %s: %.60r cannot be used: %r", key, name, what, error)
