"""What makes links, and the inboxes of links and topics. Loaded for that, and not kept."""

from aimdb_net.checks import check_codec, note_link
from aimdb_net.inbox import Inbox
from micropython import const

from .arguments import check_flags as check_flags
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
    """What `record.link_to(url, …)` runs for an mqtt:// URL: publishes every value of the record.

    Several messages are on their way at once, in order. While there is no connection nothing is read from the record,
    so its buffer decides what is kept. What was sent and not acknowledged is sent again by the next connection, also
    in a later run. If the record's reader can `commit`, it commits what the broker has acknowledged, in order.

    A value that the codec does not encode, and a message at which the broker breaks five connections, are counted and
    named, and the link goes on. When the record raises, or there is no memory, the link tries again.

    url       `mqtt[s]://[user[:password]@]host[:port]/topic`
    qos       1: the broker acknowledges each message. 0: a message is done when the network has taken it
    retain    the broker keeps the last value for those who subscribe later
    codec     turns values into bytes, or into a string; the default is a `JsonCodec`
    newest    True: only the newest value is sent, one message at a time. What was not acknowledged when the connection
              ended is given up and counted. For values that are worthless when there is a newer one
    broker    the `Broker` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for wrong arguments; `db.run()` then tells them with the record's key.

    Cancel safety: nothing is lost. IRQ safety: none.
    """
    from aimdb_net.outbound import LinkTo

    check_flags(retain=retain, newest=newest)
    broker, topic = broker_for(url, broker)
    route = 0x31 if retain else 0x30, check_topic(topic, qos)
    link = LinkTo(record.key, broker, topic, route, qos, check_codec(codec), newest)
    _note(record, broker, topic.split("/"), False)
    return link


def link_from(
    record,
    url: str,
    qos: int = 1,
    codec: "Any" = None,
    capacity: int = 20,
    retained: bool = True,
    broker: "Broker | None" = None,
) -> "LinkFrom":
    """What `record.link_from(url, …)` runs for an mqtt:// URL: produces in the record what arrives on the topic.

    A message is acknowledged to the broker when `produce_async` of the record is done with its value. A payload that
    the codec cannot decode, or that the record refuses for good (it raises, say, `TypeError` or `ValueError`), is
    counted and named, and the link goes on. What the record refuses for now (`DbError`, `OSError`, `MemoryError`) is
    tried again.

    url        as for `link_to`. The topic may contain + and #, and begin with $share/group/
    qos        1: the broker keeps a message until it is acknowledged. 0: a message may be lost
    codec      turns bytes into values; the default is a `JsonCodec`
    capacity   so many messages wait for the record; `Inbox` says what happens to more
    retained   False: a message that the broker had kept counts as one that cannot be used. For commands: it would come
               again at each new connection
    broker     the `Broker` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for wrong arguments; `db.run()` then tells them with the record's key.

    Cancel safety: what is not acknowledged comes again. IRQ safety: none.
    """
    from aimdb_net.inbound import LinkFrom

    check_flags(retained=retained)
    inbox = inbox_for(url, qos, codec, capacity, broker)
    inbox.takes_retained = retained
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
    def meet(pattern, levels):
        from .arriving import matches

        return matches(pattern, levels)

    note_link(record, broker.name, levels, inward, meet)
