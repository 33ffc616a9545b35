"""A bridge to Home Assistant, which finds this board by itself: a thermometer, and a switch for the LED.

Home Assistant's MQTT integration listens below `homeassistant/`. There the board tells, in messages that the broker
keeps, what it has and on which topics. When the board vanishes the broker says so, and Home Assistant shows both as
unavailable.

Wiring: none, for a Pico W. The file /network.json has "ssid", "password" and "broker", such as
"mqtt://user:password@homeassistant.local": `make wifi` copies it there. Ctrl-C ends it.
"""

import asyncio
import json

from aimdb import AimDb, BytesCodec, SingleLatest, every
from aimdb_mqtt import Broker
from aimdb_node import Wifi
from machine import ADC, Pin, unique_id

try:
    with open("/network.json") as file:
        network = json.load(file)
    SSID, PASSWORD, URL = [network[name] for name in ("ssid", "password", "broker")]
except (OSError, ValueError, KeyError, TypeError) as error:
    raise ValueError("/network.json is to have ssid, password and broker: %r" % error)
ID = "pico_" + unique_id().hex()
BASE = "%s/%s/" % (URL, ID)

led = Pin("LED", Pin.OUT)
chip = ADC(ADC.CORE_TEMP)


def celsius():
    return round(27 - (chip.read_u16() * 3.3 / 65535 - 0.706) / 0.001721, 1)


def announce(kind, name, **more):
    """Tell Home Assistant of a sensor or switch of this board, in the words of its MQTT integration."""
    config = {
        "name": name,
        "unique_id": "%s_%s" % (ID, name),
        "state_topic": "%s/%s" % (ID, name),
        "availability_topic": ID + "/available",
        "device": {"identifiers": [ID], "name": "AimDB on a Pico W"},
    }
    config.update(more)
    record = db.configure("about " + name, SingleLatest())
    record.link_to("%s/homeassistant/%s/%s/%s/config" % (URL, kind, ID, name), retain=True)
    record.produce(config)


async def switch(consumer):
    async for command in consumer.subscribe():
        if command not in (b"ON", b"OFF"):  # Anybody may send anything.
            print("no command for the LED:", command)
            continue
        led.value(command == b"ON")
        print("the LED is", command.decode())
        state.produce(command)  # So that Home Assistant knows that it was done.


async def tell(consumer):
    async for connection in consumer.subscribe():
        print("connected" if connection.connected else connection.last_error or "connecting")
        if connection.connected:
            available.produce(b"online")  # The broker has said otherwise when the connection was lost.


db = AimDb()
broker = Broker(URL, client_id=ID, will=(ID + "/available", b"offline", 1, True))
db.configure("wifi", SingleLatest()).source(Wifi(SSID, PASSWORD).keep)
db.configure("connection", broker.state).tap(tell)

available = db.configure("available", SingleLatest())
available.link_to(BASE + "available", retain=True, codec=BytesCodec())

announce("sensor", "temperature", device_class="temperature", unit_of_measurement="°C")
db.configure("temperature", SingleLatest()).source(every(5000, celsius)).link_to(BASE + "temperature")

announce("switch", "led", command_topic=ID + "/led/set")
state = db.configure("led", SingleLatest()).link_to(BASE + "led", retain=True, codec=BytesCodec())
state.produce(b"OFF")
db.configure("led command", SingleLatest()).link_from(BASE + "led/set", codec=BytesCodec()).tap(switch)

asyncio.run(db.run())
