"""A real MQTT broker on this machine's loopback, for tests and demonstrations: mosquitto, or amqtt from PyPI."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from fault_proxy import HOST, FaultProxy

# Debian keeps it where only root looks.
MOSQUITTO_PATH = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

AMQTT_CONFIG = """
listeners:
  default:
    type: tcp
    bind: {host}:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""

MOSQUITTO_CONFIG = """
listener {port} {host}
{settings}
persistence true
persistence_location {folder}/
autosave_interval 1
set_tcp_nodelay true
"""


def find_mosquitto() -> str | None:
    """Path of an installed mosquitto, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=MOSQUITTO_PATH)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class LocalBroker:
    """One broker that can be stopped and started again on the same port.

    Arguments:
        kind: "mosquitto" or "amqtt", or None for mosquitto if it is installed.
        settings: lines of mosquitto's configuration; the default lets everybody in.
    """

    def __init__(self, kind: str | None = None, settings: str = "allow_anonymous true") -> None:
        self.kind = kind or ("mosquitto" if find_mosquitto() else "amqtt")
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="broker-")
        folder = Path(self._folder.name)
        self._config = folder / "broker.conf"
        if self.kind == "amqtt":
            self._config.write_text(AMQTT_CONFIG.format(host=HOST, port=self.port))
            self._command = [sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(self._config)]
        else:
            # Started by root, mosquitto becomes the user of this name, who must be able to write here.
            folder.chmod(0o777)
            self._config.write_text(
                MOSQUITTO_CONFIG.format(host=HOST, port=self.port, settings=settings, folder=folder)
            )
            self._command = [find_mosquitto() or "mosquitto", "-c", str(self._config)]
        self.log = folder / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 30) -> None:
        """Start it, and wait until it accepts connections. Raises RuntimeError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.kind} did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self, kill: bool = False) -> None:
        """Stop it; with `kill` as a power cut would: mosquitto then forgets what it acknowledged just before."""
        if self._process:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self._process.wait()
            self._process = None

    def __enter__(self) -> LocalBroker:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop(kill=True)
        self._folder.cleanup()


class Listener:
    """Another client, of a library that many use, that collects what is published."""

    def __init__(self, port: int, topic: str = "#", **credentials: str) -> None:
        import paho.mqtt.client as paho

        self.messages: list[tuple[str, bytes]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=f"listener{port}", clean_session=False)
        if credentials:
            self._client.username_pw_set(**credentials)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_message = lambda _client, _data, message: self._arrived(message)
        self._client.reconnect_delay_set(0.1, 0.2)
        self._port = port

    def _arrived(self, message) -> None:
        self.messages.append((message.topic, message.payload))

    def wait_until_subscribed(self) -> None:
        """Wait until the broker will pass on what is published; raise RuntimeError when it will not."""
        if not self._subscribed.wait(10):
            raise RuntimeError("the broker has not acknowledged a subscription for 10 s")

    def payloads(self, topic: str) -> list[bytes]:
        """What has arrived on one topic, in order, repeats included."""
        return [payload for at, payload in list(self.messages) if at == topic]

    def publish(self, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish one message after the other, and wait until the broker has acknowledged the last."""
        for payload in payloads:
            sent = self._client.publish(topic, payload, qos, retain)
        sent.wait_for_publish(10)

    def send(self, topic: str, payload: bytes) -> None:
        """Publish a message, now or once there is a connection."""
        self._client.publish(topic, payload, qos=1)

    def __enter__(self) -> Listener:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        self.wait_until_subscribed()
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Outage:
    """Takes a broker from those who reach it by `proxy`, and gives it back, without making it lose a message.

    amqtt would: it keeps nothing. Told to stop it forgets what it has acknowledged and not passed on, and started
    again it has no subscriber before `listener` has come back.
    """

    def __init__(self, broker: LocalBroker, proxy: FaultProxy, listener: Listener) -> None:
        self._broker = broker
        self._proxy = proxy
        self._listener = listener

    def begin(self) -> None:
        self._proxy.down()
        time.sleep(0.2)  # In which it passes on what it has.
        self._broker.stop()

    def end(self) -> None:
        self._broker.start()
        self._listener.wait_until_subscribed()
        self._proxy.up()


if __name__ == "__main__":
    if find_mosquitto():
        print("The broker of tests and demonstrations is mosquitto.")
    else:
        print("mosquitto is not installed (apt install mosquitto): amqtt takes its place, and some tests are skipped.")
