from aimdb import kept
from aimdb_net.remote import RemoteBuffer
from micropython import const

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from typing import Any

    from .broker import Broker


class MqttTopic(RemoteBuffer):
    """A record's buffer that is a topic on an MQTT broker: *done* for `produce_async` is the broker's PUBACK.

        db.configure("orders", MqttTopic("mqtt://broker.local/shop/orders"))

    `produce_async` raises what went wrong: `Refused`, `Unreachable`, `ConnectionLost`. When there is no connection
    it waits for the next attempt, and raises if that fails. Once the message has gone out the broker may have it,
    even if the call was cancelled, has timed out or has raised `ConnectionLost`. `produce` sends what there is room
    for and counts the rest as dropped, `try_produce` raises `BufferFull` or `NotConnected`.

    Readers compete for what arrives on the topic. The broker also sends back what was produced here.

    url        `mqtt[s]://[user[:password]@]host[:port]/topic`; with + or # in the topic it can only be read
    qos        1: `produce_async` returns when the broker has acknowledged. 0: when the network has taken the message
    retain     the broker keeps the last value for those who subscribe later
    codec      turns values into bytes, or a string, and back; the default is a `JsonCodec`. `produce_async` raises what
               it raises
    capacity   so many messages wait for readers, with those that were read and not committed; `Inbox` says what
               happens to more
    commits    False: a message is acknowledged to the broker when a reader has it. True: when the reader calls `commit`
    broker     the `Broker` to use instead of that of the URL's address

    Raises `TypeError` or `ValueError` for arguments that are wrong. Cancel safety: cancelled, a subscription has no
    reader, and a message that has not gone out is not sent. IRQ safety: none.
    """

    def __init__(
        self,
        url: str,
        qos: int = 1,
        retain: bool = False,
        codec: "Any" = None,
        capacity: int = 20,
        commits: bool = False,
        broker: "Broker | None" = None,
    ):
        links = kept("links", "aimdb_mqtt")
        links.check_flags(retain=retain, commits=commits)
        inbox = links.inbox_for(url, qos, codec, capacity, broker)
        topic = inbox.path
        read_only = "+" in topic or "#" in topic or topic.startswith("$share/")
        super().__init__(inbox, (0x31 if retain else 0x30, inbox.route), read_only)
        self.broker = self.peer
        self.net_links = ((self.peer.name, inbox.pattern, True), (self.peer.name, inbox.pattern, False))
        self._commits = commits

    def _reader(self):
        if not self._commits:
            return super()._reader()
        return kept("committing", "aimdb_mqtt").CommittingReader(self)

    def take(self, reader):
        if not self._commits:
            return super().take(reader)
        inbox = self._inbox
        reader.note(inbox.values[0])
        return inbox.take()[0]
