"""The task that keeps up a broker's connection, and what it makes of the packets that arrive."""

import asyncio
from random import getrandbits
from time import ticks_diff, ticks_ms

from aimdb.timing import timed
from micropython import const

from . import once
from .connection import Connection
from .errors import ConnectionLost, MqttError, ProtocolError, Refused, Unreachable
from .opening import looked_up, open_stream

_CONNACK = const(0x20)

# Of other packets, in the upper half of the first byte.
_PUBLISH = const(3)
_PUBACK = const(4)
_SUBACK = const(9)
_UNSUBACK = const(11)
_PINGRESP = const(13)


async def keep(broker) -> None:
    """Keep up the connection until cancelled. Nothing that the network, the broker or the heap does ends it."""
    pause = 0  # Before the next attempt, without its random part.
    while True:
        try:
            if broker.connection:  # There was no heap to end it.
                broker.disconnect(ConnectionLost("there was no memory"))
            pause = await _once(broker, pause)
            if pause:
                await rest(broker, max(1, pause - (pause * getrandbits(8) >> 9)))
        except MemoryError:
            await asyncio.sleep_ms(broker.retry_ms[0])


async def _once(broker, pause):
    # One connection, from the attempt to its end: the pause after it.
    began = ticks_ms()
    try:
        await timed(_connect(broker), broker.timeout_ms)
        began = ticks_ms()
        await _watch(broker)
        broker.disconnect(None, True)
        return 0
    except asyncio.TimeoutError:
        error = Unreachable("%s did not answer for %d ms" % (broker.name, broker.timeout_ms))
    except Exception as er:  # mbedtls raises ValueErrors, too.
        error = er
        if not isinstance(er, MqttError):
            kind = ConnectionLost if broker.connected else Unreachable
            error = kind("%s: %s" % (broker.name, once("words").in_words(er, broker.tls is not None)))
    if broker.connected:
        broker.lost_count += 1
        if ticks_diff(ticks_ms(), began) > pause:
            pause = 0  # It was a good connection. One that is lost again and again is not.
    broker.disconnect(error)
    return min(max(2 * pause, broker.retry_ms[0]), broker.retry_ms[1])


async def rest(broker, milliseconds: int) -> None:
    """Wait so long, unless there is news."""
    try:
        await timed(broker.news.wait(), milliseconds)
    except asyncio.TimeoutError:
        pass


async def _connect(broker):
    address = looked_up(broker.host, broker.port)
    for other in broker.others():
        if other.peer == address[-1] and other.client_id == broker.client_id:
            raise Refused(
                "%s and %s are one broker, which would end the connection of either: use one URL, or two client_ids"
                % (broker.name, other.name)
            )
    stream, raw = await open_stream(address, broker.host, broker.tls)
    try:
        broker.connection = connection = Connection(stream, raw, broker.max_packet, broker)
    except BaseException:
        raw.close()
        raise
    broker.peer = address[-1]
    connection.send(broker.hello)
    while not broker.connected:
        if connection.error:
            raise connection.error
        await rest(broker, broker.timeout_ms)


async def _watch(broker):
    # Until the connection ends, or the broker is found dead: then it raises why. It returns when it is to be renewed.
    connection = broker.connection
    timeout = broker.timeout_ms
    quiet = broker.keepalive_s * 250
    while not connection.error:
        now = ticks_ms()
        if not connection.held:
            _check(broker, now)
        if quiet and broker.pinged_at is None and _silence(connection, now) >= quiet:
            broker.ping()
        if broker.renewing and not broker.window.flights and broker.pinged_at is None:
            if broker.renewing == 2:
                return
            broker.renewing = 2
            broker.ping()  # When it is answered, the broker has all our acknowledgements.
        await rest(broker, min(timeout // 2, quiet or timeout))
    raise connection.error


def _silence(connection, now):
    return max(ticks_diff(now, connection.sent_at), ticks_diff(now, connection.heard_at))


def _check(broker, now):
    connection = broker.connection
    timeout = broker.timeout_ms
    if broker.pinged_at is not None:
        if min(ticks_diff(now, broker.pinged_at), ticks_diff(now, connection.heard_at)) > timeout:
            raise ConnectionLost("%s has been silent for %d ms" % (broker.name, timeout))
    if ticks_diff(now, connection.resumed_at) > timeout:  # Else it was us who did not listen.
        for answers in (broker.inboxes, broker.window.flights.values()):
            for due in answers:
                if due.sent_at is not None and ticks_diff(now, due.sent_at) > timeout:
                    raise ConnectionLost("%s has owed an acknowledgement for %d ms" % (broker.name, timeout))


def answer(broker, first: int, body, whole: bool) -> bool:
    """Do what a packet asks for. False: a message finds no room; it is to come again. Raises `MqttError`."""
    kind = first >> 4
    size = len(body)
    if not broker.connected:
        _greeted(broker, first, body)
    elif kind == _PUBLISH:
        return broker.published(first, body, whole)
    elif kind == _PINGRESP and not size:
        broker.pinged_at = None
        broker.news.wake_all()
    elif kind in (_PUBACK, _SUBACK, _UNSUBACK) and size == (3 if kind == _SUBACK else 2):
        packet_id = body[0] << 8 | body[1]
        if kind == _PUBACK:
            broker.window.acknowledged(packet_id)
            if broker.renewing:
                broker.news.wake_all()
        elif kind == _SUBACK:
            for inbox in broker.inboxes:
                inbox.answered(packet_id, body[2])
        broker.moved.wake_all()
    else:
        raise ProtocolError("packet %#x of %d bytes is not for a client" % (first, size))
    return True


def _greeted(broker, first, body):
    if first != _CONNACK or len(body) != 2:
        raise ProtocolError("packet %#x of %d bytes instead of CONNACK" % (first, len(body)))
    if body[1]:
        raise Refused("%s refused the connection: %s" % (broker.name, once("words").refusal(body[1])))
    # Done here and not by a task that is woken: the next packet may be in our hands already.
    broker.accepted(body[0] & 1)
