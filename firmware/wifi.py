"""WiFi as /network.json on the board says, which is not part of the program: `make wifi` puts it there.

{"ssid": "…", "password": "…", "broker": "mqtt://…"}
"""

import asyncio
import json

JOIN_MS = 15000  # For one attempt to join; a weak signal takes long.
LOOK_MS = 500  # How often we look whether it is still there.


def settings():
    """What /network.json says; an empty dict when there is none."""
    try:
        with open("/network.json") as file:
            return json.load(file)
    except OSError:
        return {}


async def keep_joined(ssid, password, on_change):
    """Join, and join again whenever it is lost. Calls `on_change(is_joined)` each time.

    Cancel safety: the WiFi stays as it is.
    """
    import network

    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    was_joined = False
    while True:
        if not wifi.isconnected():
            if was_joined:
                was_joined = False
                on_change(False)
            try:
                wifi.disconnect()  # Out of an attempt that hangs.
                wifi.connect(ssid, password)
            except OSError:
                pass  # The chip is busy; the next attempt is soon.
            for _ in range(JOIN_MS // 100):
                if wifi.isconnected():
                    break
                await asyncio.sleep_ms(100)
        if wifi.isconnected() and not was_joined:
            was_joined = True
            on_change(True)
        await asyncio.sleep_ms(LOOK_MS)
