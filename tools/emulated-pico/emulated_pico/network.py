"""Where an emulated board's WiFi leads: to this machine's loopback, and nowhere else.

The gateway's address 10.0.0.1 stands for 127.0.0.1; all other addresses refuse. So a test can talk to a
server that it started itself, and can never leave the machine.
"""

import asyncio
from typing import Any

from rp2040py.external.cyw43.nat import NatBridge

GATEWAY = "10.0.0.1"
LOOPBACK = "127.0.0.1"

# By this program a board joins the one network that the emulated WiFi chip knows.
JOIN = """
import network, time
network.WLAN(network.STA_IF).active(True)
network.WLAN(network.STA_IF).connect("RP2040PY-GUEST", "password")
while not network.WLAN(network.STA_IF).isconnected():
    time.sleep_ms(50)
"""


def keep_on_this_machine(nat: NatBridge) -> None:
    """Let the bridge dial loopback only."""

    async def connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if host != GATEWAY:
            raise ConnectionRefusedError(f"{host} is not on this machine")
        return await asyncio.open_connection(LOOPBACK, port)

    stock_relay = nat._udp._relay

    async def relay(mac: bytes, ip: bytes, port: int, data: bytes, peer: tuple[str, int], *reply: Any) -> None:
        if peer[0] in (GATEWAY, LOOPBACK):
            await stock_relay(mac, ip, port, data, (LOOPBACK, peer[1]), *reply)

    nat._tcp._connect_fn = connect
    nat._udp._relay = relay
    nat._udp._udp_upstream = (LOOPBACK, 53)
