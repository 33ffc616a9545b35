"""`make bench-mqtt`: what an emulated Pico W can send to a real broker on this machine, beside a bare socket."""

from __future__ import annotations

import sys

from bench_network import CORE, Figures, image_with, measured, run
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
forget = aimdb.once("loading").forget
forget("aimdb_net", "checks", "address")  # As a run does.
forget("aimdb_mqtt", "links", "settings", "arguments")
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
        figures, firmware = measured(board, HEAP, program)
        return figures, {"firmware": firmware, "broker": broker.kind, "figures": figures}


if __name__ == "__main__":
    sys.exit(main())
