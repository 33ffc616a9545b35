"""What a peer watches: one record by its name, or those whose names match a pattern."""

import asyncio

from aimdb import BufferClosed, BufferEmpty, BufferLagged
from aimdb.timing import timed

from . import once
from .requests import Refusal, entry_of, is_ring, may_write, refused, text_of


async def subscribe(peer, id: str, topic) -> None:
    """Begin to watch `topic`; one of the same id ends. Raises `Refusal`.

    A pattern has snapshots first, of what is there now. To watch a buffer whose readers compete is to take from it:
    that needs its name and the right to write it.
    """
    once("ending").unsubscribe(peer, id)
    if not isinstance(topic, str):
        raise Refusal("not_found")
    is_pattern = "*" in topic or "#" in topic
    if is_pattern:
        pattern = topic.split(".")
        entries = [
            entry
            for entry in peer.server.db.remotes.values()
            if is_ring(entry[0]) and matches(pattern, entry[0].key.split("."))
        ]
    else:
        entries = [entry_of(peer, topic)]
        if not (is_ring(entries[0][0]) or may_write(peer, entries[0])):
            raise Refusal("denied")
    if not entries:
        return
    watched = len(entries)
    for other in peer.subscriptions.values():
        watched += len(other.readers)
    if watched > peer.server.subscriptions:
        raise Refusal("denied")
    subscription = Subscription(peer, id, is_pattern)
    try:
        for entry in entries:
            attached = timed(entry[0].subscribe_async(), peer.server.timeout_ms, "a subscription")
            subscription.readers.append(await attached)
        peer.subscriptions[id] = subscription
        if is_pattern:
            await subscription.show(entries)
        for i in range(len(entries)):
            subscription.tasks.append(asyncio.create_task(subscription.watch(entries[i], subscription.readers[i])))
    except BaseException:
        peer.subscriptions.pop(id, None)
        subscription.end()
        raise


class Subscription:
    """Sends events as values come, each record's by a task of its own.

    The ring that a record has is the queue of its events: when the peer does not keep up, values are overwritten there,
    and their numbers are missing in the events' `seq`.
    """

    def __init__(self, peer, id: str, has_topics: bool):
        self._peer = peer
        self._id = id
        self._has_topics = has_topics
        self._seq = 0
        self.readers: list = []
        self.tasks: list = []

    def end(self) -> None:
        """Close the readers; the tasks end by that."""
        for reader in self.readers:
            reader.close()

    def _head(self, kind, key, last):
        # Of a frame, whose turn it is and whose number has been counted.
        topic = '"topic":"%s",' % key if self._has_topics else ""
        return ('{"t":"%s","seq":%d,%s%s"sub":"%s","data":' % (kind, self._seq, last, topic, self._id)).encode()

    async def show(self, entries) -> None:
        """Send a snapshot of each record that has a value."""
        there = [i for i in range(len(entries)) if self.readers[i].has_value()]
        for i in there:
            text = text_of(self._peer, entries[i], self.readers[i].try_recv()) or b"null"
            self._seq += 1
            head = self._head("snap", entries[i][0].key, '"last":true,' if i == there[-1] else "")
            await self._peer.send((head, text, b"}"))

    async def watch(self, entry, reader) -> None:
        """Send each value as an event, until the reader is closed."""
        peer = self._peer
        commit = getattr(reader, "commit", None)

        def event():
            for _ in range(2):  # After a lag in the same turn: by the next one there may be another, without end.
                try:
                    value = reader.try_recv()
                    self._seq += 1
                    text = b"null" if value is None else text_of(peer, entry, value)
                    return text and (self._head("event", entry[0].key, ""), text, b"}")
                except BufferLagged as er:
                    self._seq += er.count
                except BufferEmpty:
                    return None
                except MemoryError:  # By itself, as a pair would be made now, and needs heap.
                    if commit:
                        raise
                    return None

        while True:
            try:
                await reader.ready()
                await peer.send(event)
                if commit:
                    commit()  # The peer does not say that it has it.
            except BufferClosed:
                break
            except Exception as er:
                if commit and isinstance(er, MemoryError):
                    peer.end(er)  # What was not sent is given back.
                if peer.error:  # Or it was raised by sending.
                    break
                # A buffer of the program's own may raise anything.
                refused(peer.server, "record %r cannot be watched now: %r", entry[0].key, er)
                await asyncio.sleep_ms(1000)


def matches(pattern: list, key: list) -> bool:
    """Whether a pattern's segments match a key's: `*` stands for one, `#` for any number of them."""
    count = len(key)
    places = 1  # Bit i: what has been looked at of the pattern matches the first i segments.
    for segment in pattern:
        if segment == "#":
            places = (2 << count) - (places & -places)  # The first of them, and all behind it.
        else:
            others = 0
            for i in range(count):
                if places >> i & 1 and segment in ("*", key[i]):
                    others |= 2 << i
            places = others
        if not places:
            return False
    return bool(places >> count & 1)
