"""`make bench-mqtt`: what an emulated Pico W can send to a real broker on this machine, beside a bare socket."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from board_declaration import architecture_of
from device_files import ROOT, compiled
from emulated_pico import Board, BoardError
from emulated_pico.filesystem import build_image
from mqtt_broker import LocalBroker

# Starting the WiFi chip takes many seconds, and a busy emulated chip is up to 25 times slower than a real one.
PATIENCE_SECONDS = 300

JOIN = """
import network, time
wifi = network.WLAN(network.STA_IF)
wifi.active(True)
wifi.connect("RP2040PY-GUEST", "password")
while not wifi.isconnected():
    time.sleep_ms(50)
"""

HEAP = """
import gc

def used():
    gc.collect()
    return gc.mem_alloc()

from aimdb import AimDb, BoundedQueue, JsonCodec, SingleLatest
import aimdb.complaint, aimdb.timing
AimDb, BoundedQueue, JsonCodec, SingleLatest
core = used()
from aimdb_mqtt import Broker
import aimdb_net.outbound
Broker
publishing = used()
import aimdb_net.inbound, aimdb_net.inbox, aimdb_mqtt.arriving
both = used()
from aimdb_mqtt import MqttTopic
topic = used()
broker = Broker("mqtt://10.0.0.1:1")
aimdb_net.forget("aimdb_net", "checks", "address")  # As a run does.
aimdb_net.forget("aimdb_mqtt", "links", "settings", "arguments")
print("RESULT heap of what link_to keeps loaded, beyond the core: 0, %d" % (publishing - core))
print("RESULT heap of what link_to and link_from keep loaded, beyond the core: 0, %d" % (both - core))
print("RESULT heap of what MqttTopic adds: 0, %d" % (topic - both))
print("RESULT heap of a Broker: 0, %d" % (used() - topic))
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the results to")
    options = parser.parse_args(arguments)
    try:
        results = measure()
    except BoardError as error:
        print(f"bench: the emulated board gave up: {error}\n{error.stderr}", file=sys.stderr)
        return 1
    print(f"{'':<48}{'messages/s':>12}{'bytes':>8}")
    for name, (rate, size) in results["figures"].items():
        print(f"{name:<48}{rate or '':>12}{size:>8}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def measure() -> dict:
    """Everything in one run: figures by name, each a pair of messages per second and bytes."""
    files = compiled_files(("aimdb", "aimdb_net", "aimdb_mqtt"), ROOT / "bench" / "publishing.py")
    with LocalBroker() as broker, Board(filesystem=build_image(files), paced=True) as board:
        board.exec(JOIN, timeout=PATIENCE_SECONDS)
        printed = board.exec(HEAP, timeout=PATIENCE_SECONDS)
        printed += board.exec(f"import publishing; publishing.run('10.0.0.1', {broker.port})", PATIENCE_SECONDS)
        firmware = board.exec("import sys; print(sys.implementation.version, sys.implementation._machine)").strip()
        kind = broker.kind
    found = re.findall(r"RESULT (.*): (\d+), (\d+)", printed)
    return {
        "firmware": firmware,
        "broker": kind,
        "figures": {name: [int(rate), int(size)] for name, rate, size in found},
    }


def compiled_files(packages: tuple[str, ...], program: Path) -> dict[str, bytes]:
    """The packages and the measuring program, as they are deployed."""
    sources = [source for package in packages for source in (ROOT / "lib" / package).glob("*.py")]
    files = {source.relative_to(ROOT / "lib"): source for source in sources}
    files[Path(program.name)] = program
    return {
        f"lib/{place.with_suffix('.mpy').as_posix()}": compiled(
            source, place.as_posix(), architecture=architecture_of("pico_w")
        )
        for place, source in files.items()
    }


if __name__ == "__main__":
    sys.exit(main())
