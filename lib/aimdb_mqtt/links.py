"""What makes links, and the inboxes of links and topics. Loaded for that, and not kept."""

from aimdb_net.checks import check_codec, note_link
from aimdb_net.inbox import Inbox
from micropython import const

from .arguments import check_topic
from .settings import broker_for

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from aimdb_net.inbound import LinkFrom
    from aimdb_net.outbound import LinkTo

    from .broker import Broker


def link_to(
    record,
    url: str,
    qos: int = 1,
    retain: bool = False,
    codec: "Any" = None,
    newest: bool = False,
    broker: "Broker | None" = None,
) -> "LinkTo":
    """What `Record.link_to` runs for an mqtt:// URL: publishes every value of the record.

    Several messages are on their way at once, in order. Nothing is read from the record while there is no
    connection, so its buffer decides what is kept during an outage. What was sent and not acknowledged is sent again:
    by the next connection, also if that is of a later run. A reader that can `commit` does so for what the broker has
    acknowledged, in order; what it has not committed stays the record's.

    A value that the codec does not take, and a message at which the broker ends five connections, are counted and
    named, and the link goes on. So it does after errors of the record and a lack of memory, when they are over.

    `newest`: for values that are worthless when stale. One message is on its way at a time, only the newest value
    is sent, and what was not acknowledged when the connection ended is given up and counted.

    `qos`, `retain`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: nothing is lost. IRQ safety: none.
    """
    from aimdb_net.outbound import LinkTo

    broker, topic = broker_for(url, broker)
    route = 0x31 if retain else 0x30, check_topic(topic, qos)
    link = LinkTo(record.key, broker, topic, route, qos, check_codec(codec), newest)
    _note(record, broker, topic.split("/"), False)
    return link


def link_from(
    record, url: str, qos: int = 1, codec: "Any" = None, capacity: int = 20, broker: "Broker | None" = None
) -> "LinkFrom":
    """What `Record.link_from` runs for an mqtt:// URL: produces in the record what arrives on the topic.

    A message is acknowledged to the broker when the record's buffer is done with its value (`produce_async`). A payload
    that does not parse, or that the record refuses (it raises, say, `TypeError` or `ValueError`), is counted and named,
    and the link goes on. What the record refuses for now (`DbError`, `OSError`, `MemoryError`) is tried again. Up to
    `capacity` messages wait for the record; see `Inbox` for what happens to others. The topic may contain + and #, and
    begin with $share/group/.

    `qos`, `codec`, `broker`: as for `MqttTopic`. Raises `TypeError` or `ValueError`.

    Cancel safety: what is not acknowledged comes again. IRQ safety: none.
    """
    from aimdb_net.inbound import LinkFrom

    inbox = inbox_for(url, qos, codec, capacity, broker)
    link = LinkFrom(record.key, inbox)
    _note(record, inbox.peer, inbox.pattern, True)
    return link


def inbox_for(url: str, qos: int, codec, capacity: int, broker) -> Inbox:
    """The inbox of a URL's topic."""
    broker, topic = broker_for(url, broker)
    levels = topic.split("/")
    inbox = Inbox(broker, topic, check_topic(topic, qos, True), qos, check_codec(codec), capacity)
    inbox.pattern = levels[2:] if levels[0] == "$share" else levels
    return inbox


def _note(record, broker, levels, inward):
    def meet(outgoing, incoming):
        from .arriving import matches

        return matches(incoming, outgoing)

    note_link(record, broker.name, levels, inward, meet)
