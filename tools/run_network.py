"""The other end of the sensor node's network in `make run`: a broker on this machine, and who listens to it."""

from __future__ import annotations

import json
import time

from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, Outage

# The one network that the emulated WiFi chip knows; its gateway stands for this machine.
SSID = "RP2040PY-GUEST"
GATEWAY = "10.0.0.1"

SAMPLES = "node/samples"
COMMAND = "node/command"

# Samples after the restart, before we stop looking.
ENOUGH = 20


class Network:
    """A broker, and a client of it that collects the node's samples."""

    def __init__(self) -> None:
        self._broker = LocalBroker()
        self._listener = Listener(self._broker.port, SAMPLES)
        self._proxy = FaultProxy(self._broker.port)  # By which the board reaches the broker.
        self._outage = Outage(self._broker, self._proxy, self._listener)

    def board_files(self) -> dict[str, bytes]:
        """What a board needs to join."""
        settings = {"ssid": SSID, "password": "password", "broker": f"mqtt://{GATEWAY}:{self._proxy.port}"}
        return {"network.json": json.dumps(settings).encode()}

    # Each of these does something and says what it was.

    def stop_broker(self) -> str:
        self._outage.begin()
        return f"THE BROKER IS STOPPED; it has {self._count()} samples"

    def start_broker(self) -> str:
        self._outage.end()
        return "THE BROKER IS BACK"

    def send_command(self) -> str:
        # Not waited for: it goes out once this client, too, has found the broker again.
        self._listener.send(COMMAND, json.dumps("interval 30").encode())
        return f"somebody sends the command 'interval 30' by way of the broker, which has {self._count()} samples"

    def has_everything(self, seconds: float) -> bool:
        """Wait for some samples from after the restart, and say what has arrived. True when there is no gap."""
        deadline = time.monotonic() + seconds
        while not (len(self._runs()) == 2 and len(self._runs()[1]) > ENOUGH) and time.monotonic() < deadline:
            time.sleep(0.1)
        runs = self._runs()
        if len(runs) != 2:
            print(f"The broker has heard of {len(runs)} starts of the board instead of two.")
        for run, name in zip(runs, ("before", "after")):
            missing = run[-1] + 1 - len(set(run))
            print(
                f"The broker has samples 0 to {run[-1]} from {name} the power cut: "
                f"{missing or 'none'} missing, {len(run) - len(set(run))} of them twice."
            )
        return len(runs) == 2 and all(sorted(set(run)) == list(range(run[-1] + 1)) for run in runs)

    def _count(self) -> int:
        return len(self._listener.payloads(SAMPLES))

    def _runs(self) -> list[list[int]]:
        # The numbers of the samples; they begin anew with each start of the board.
        runs: list[list[int]] = []
        for payload in self._listener.payloads(SAMPLES):
            number = json.loads(payload)[0]
            if not runs or (number == 0 and runs[-1][-1] > 8):
                runs.append([])
            runs[-1].append(number)
        return runs

    def __enter__(self) -> Network:
        self._broker.start()
        self._listener.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._proxy.down()
        self._listener.__exit__()
        self._broker.__exit__()
