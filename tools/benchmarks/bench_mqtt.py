"""`make bench-mqtt`: what an emulated Pico W can send to a real broker on this machine, beside a bare socket."""

from __future__ import annotations

import sys

from bench_network import CORE, Figures, image_with, measured, run
from board_declaration import architecture_of
from device_files import library_files
from emulated_pico import Board
from mqtt_broker import LocalBroker

HEAP = f"""{CORE}
from aimdb_mqtt import Broker
import aimdb_net.outbound
Broker
publishing = used()
import aimdb_net.inbound, aimdb_net.inbox, aimdb_mqtt.arriving
both = used()
from aimdb_mqtt import MqttTopic
topic = used()
broker = Broker("mqtt://10.0.0.1:1")
aimdb.once("loading").forget("aimdb_net", "checks", "address")  # As a run does.
aimdb.once("loading").forget("aimdb_mqtt", "links", "settings", "arguments")
print("RESULT heap of what link_to keeps loaded, beyond the core: 0, %d" % (publishing - core))
print("RESULT heap of what link_to and link_from keep loaded, beyond the core: 0, %d" % (both - core))
print("RESULT heap of what MqttTopic adds: 0, %d" % (topic - both))
print("RESULT heap of a Broker: 0, %d" % (used() - topic))
"""


def main(arguments: list[str] | None = None) -> int:
    return run(arguments, __doc__, "messages/s", measure)


def measure() -> tuple[Figures, dict]:
    """Everything in one run."""
    image = image_with(("aimdb", "aimdb_net", "aimdb_mqtt"), "publishing.py")
    with LocalBroker() as broker, Board(filesystem=image, paced=True) as board:
        program = f"import publishing; publishing.run('10.0.0.1', {broker.port})"
        figures, firmware = measured(image, HEAP, board, program)
        return figures, {"firmware": firmware, "broker": broker.kind, "mpy": mpy_size(), "figures": figures}


def mpy_size() -> int:
    """Bytes of the compiled files that a program with MQTT has beside the core."""
    files = library_files(["aimdb_mqtt"], architecture_of("pico_w"))
    return sum(len(content) for place, content in files.items() if not place.startswith("/lib/aimdb/"))


if __name__ == "__main__":
    sys.exit(main())
