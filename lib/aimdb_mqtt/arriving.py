"""What the broker publishes to us. Loaded when the first message arrives."""

from aimdb_net.errors import ConnectionLost, drop, tell

from . import once
from .packets import number, packet


class Arrival:
    """A message which so many inboxes have: it is acknowledged, by `packet`, when all of them are done."""

    def __init__(self, packet, broker, inboxes: int):
        self.packet = packet
        self.connection = broker.connection  # By which it came.
        self.repeats = broker.repeats  # The broker has a larger number when the message comes again.
        self.inboxes = inboxes

    def done(self) -> None:
        """One of them is. A connection that has ended sends nothing: the packet id means nothing on the next one."""
        self.inboxes -= 1
        if not self.inboxes:
            self.connection.send(self.packet)


def published(broker, first: int, body, whole: bool) -> bool:
    """A PUBLISH has come: give it to the inboxes that it is for. False: one has no room, nothing was done.

    Raises `ConnectionLost`, and `MemoryError`, after which it may be tried again.
    """
    qos = first >> 1 & 3
    size = len(body)
    length = (body[0] << 8 | body[1]) if size > 1 else 0
    start = length + (4 if qos else 2)
    packet_id = body[start - 2] << 8 | body[start - 1] if qos and start <= size else 0
    if qos > 2 or (start > size and whole) or (start <= size and qos and not packet_id):
        raise ConnectionLost("malformed PUBLISH %#x" % first)
    if packet_id and broker.renewing == 2:
        return True  # It comes again by the next connection.
    # We ask for no QoS 2, but an earlier program may have: PUBREC in place of PUBACK.
    receipt = packet(0x30 + (qos << 4), number(packet_id)) if packet_id else None
    topic = body[2 : 2 + length] if start <= size else b"?"
    # The standard ends the connection for a topic that is empty or no UTF-8. Then the broker would send the message
    # again, for ever.
    try:
        name = str(topic, "utf-8")
    except UnicodeError:
        name = "".join([chr(byte) for byte in topic])
    inboxes = wanted_by(broker, name)
    if not whole:
        broker.oversize_count += 1
        what = "a message on %r is longer than max_packet=%d or the memory"
        tell(broker.oversize_count, what, name, broker.max_packet)
        for inbox in inboxes:
            drop(inbox.buffer)
    elif not inboxes:
        return _unclaimed(broker, name, receipt)
    else:
        for inbox in inboxes:
            if receipt and inbox.qos and not (inbox.skips or inbox.ended or inbox.has_room()):
                broker.blocked = inbox
                return False
        broker.blocked = None
        if _delivered(broker, inboxes, bytes(body[start:]), receipt, first & 1):
            return True
    if receipt:
        broker.connection.send(receipt)  # Else the broker would send for ever what nobody can take.
    return True


def wanted_by(broker, name: str) -> list:
    """The inboxes that have subscribed to the topic `name`, or, if none has, those that may yet do so."""
    levels = name.split("/")
    inboxes = [inbox for inbox in broker.inboxes if matches(inbox.pattern, levels)]
    return [inbox for inbox in inboxes if inbox.asked] or inboxes


def _delivered(broker, inboxes, payload, receipt, was_retained):
    # Whether the message is to be acknowledged later, or by nobody.
    found = []
    left = False  # With the broker.
    for inbox in inboxes:
        if receipt and inbox.qos and (inbox.skips or inbox.ended) and broker.keeps:
            left = inbox.skips = True
        elif not inbox.has_room():
            drop(inbox.buffer)
        else:
            try:
                if was_retained and not inbox.takes_retained:
                    raise ValueError("the broker had kept it")
                found.append((inbox, inbox.codec.decode(payload)))
            except MemoryError:
                raise
            except Exception as er:
                broker.refused(inbox.buffer.key, inbox.name, payload, er)
                drop(inbox.buffer)
    waiting = left + sum([inbox.qos for inbox, _ in found])  # Those that are to be done before it is acknowledged.
    arrival = Arrival(receipt, broker, waiting) if receipt and waiting else None
    found = [(inbox, (value, arrival if inbox.qos else None)) for inbox, value in found]
    for inbox, entry in found:
        inbox.values.append(entry)
        inbox.wake()
    return waiting


def _unclaimed(broker, name, receipt):
    # The broker remembers a subscription that nobody has made, so far: wait a little, once in a run.
    if receipt and broker.expects:
        broker.blocked = None
        return False
    broker.unclaimed_count += 1
    tell(broker.unclaimed_count, "nobody has subscribed to %r: a message is dropped", name)
    if receipt:
        broker.connection.send(receipt)
        if name:
            broker.ask(0xA2, once("arguments").text(name))
    return True


def matches(pattern: "list[str]", levels: "list[str]") -> bool:
    """Whether a subscription to `pattern` includes a topic of these levels. Source: MQTT 3.1.1, 4.7."""
    if levels[0].startswith("$") and pattern[0] in ("+", "#"):
        return False
    for i, level in enumerate(pattern):
        if level == "#":
            return True
        if i == len(levels) or level not in ("+", levels[i]):
            return False
    return len(pattern) == len(levels)
