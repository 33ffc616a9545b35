"""The way to the broker. Without /network.json on the board there is none, and the node does the rest of its work.

journal  FlashQueue    -> node/samples  each is acknowledged on flash only after the broker has it
command  Mailbox       <- node/command
wifi     SingleLatest  join -> (whether it is joined)
network  SingleLatest  the state of the connection -> tell
"""

import wifi
from aimdb import SingleLatest
from aimdb_mqtt import Broker


def connect(db, say):
    """Add the links and their records to the database. `say(who, text)` prints."""
    settings = wifi.settings()
    if not settings:
        say("network", "none: there is no /network.json")
        return
    url = settings["broker"]
    broker = Broker(url, keepalive_s=10, timeout_ms=4000, retry_ms=(500, 10000))

    async def join(producer):
        def changed(is_joined):
            producer.produce(is_joined)
            say("wifi", "joined" if is_joined else "LOST")
            broker.retry()

        await wifi.keep_joined(settings["ssid"], settings["password"], changed)

    async def tell(consumer):
        async for state in consumer.subscribe():
            if state.connected:
                say("network", "connected to the broker")
            elif state.last_error and state.attempts < 2:
                say("network", "DISCONNECTED: %s" % state.last_error)

    db.configure("journal").link_to(url + "/node/samples")
    db.configure("command").link_from(url + "/node/command")
    db.configure("wifi", SingleLatest()).source(join)
    db.configure("network", broker.state).tap(tell)
