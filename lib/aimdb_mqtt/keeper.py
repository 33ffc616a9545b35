"""The task that keeps up a broker's connection."""

import asyncio
from random import getrandbits
from time import ticks_diff, ticks_ms

from aimdb.timing import timed

from . import once
from .errors import ConnectionLost, MqttError, Unreachable
from .waits import tell


async def keep(broker) -> None:
    """Keep up the connection until cancelled. Nothing that the network, the broker or the heap does ends it."""
    pause = 0  # Before the next attempt, without its random part.
    troubles = 0  # Attempts that failed, and connections that were lost at once, in a row.
    while True:
        try:
            if broker.connection:  # There was no heap to end it.
                broker.disconnect(ConnectionLost("there was no memory"))
            began = ticks_ms()
            error = await _end(broker)
            if error is None:
                broker.disconnect(None, True)
                continue
            shortest, longest = broker.retry_ms
            if broker.connected and ticks_diff(ticks_ms(), began) > pause:
                pause = troubles = 0  # It was a good connection.
            else:
                troubles += 1
                tell(troubles, "record %s: no connection to %s: %s", broker.keys(), broker.name, error)
            broker.lost_count += broker.connected
            broker.disconnect(error)
            pause = min(max(2 * pause, shortest), longest)
            await broker.news.rest(max(1, pause - (pause * getrandbits(8) >> 9)))
        except Exception as er:
            if not isinstance(er, MemoryError):
                tell(1, "no connection to %s: %r", broker.name, er)
            await asyncio.sleep_ms(broker.retry_ms[0])


async def _end(broker):
    # Why a connection, or the attempt to make one, has ended. None: it is to be renewed.
    try:
        await timed(once("opening").connect(broker), broker.timeout_ms)
        await _watch(broker)
    except asyncio.TimeoutError:
        return Unreachable("%s did not answer for %d ms" % (broker.name, broker.timeout_ms))
    except MqttError as er:
        return er
    except MemoryError:
        raise
    except Exception as er:  # mbedtls raises ValueErrors, too.
        kind = ConnectionLost if broker.connected else Unreachable
        return kind("%s: %s" % (broker.name, once("words").in_words(er, broker.tls)))


async def _watch(broker):
    # Until the connection ends, or the broker is found dead: then it raises why. It returns when it is to be renewed.
    connection = broker.connection
    timeout = broker.timeout_ms
    quiet = broker.keepalive_s * 250
    while not connection.error:
        now = ticks_ms()
        heard = ticks_diff(now, connection.heard_at)
        if not connection.held and ticks_diff(now, connection.resumed_at) > timeout:  # Else it was us who did not read.
            for answers in (broker.inboxes, broker.window.flights.values()):
                for due in answers:
                    if due.sent_at is not None and ticks_diff(now, due.sent_at) > timeout:
                        raise ConnectionLost("%s has owed an acknowledgement for %d ms" % (broker.name, timeout))
        if broker.pinged_at is not None:
            if not connection.held and min(ticks_diff(now, broker.pinged_at), heard) > timeout:
                raise ConnectionLost("%s has been silent for %d ms" % (broker.name, timeout))
        elif broker.renewing and not broker.window.flights:
            if broker.renewing == 2:
                return
            broker.renewing = 2
            broker.ping()  # When it is answered, the broker has all our acknowledgements.
        elif quiet and max(ticks_diff(now, connection.sent_at), heard) >= quiet:
            broker.ping()
        await broker.news.rest(min(timeout // 2, quiet or timeout))
    raise connection.error
