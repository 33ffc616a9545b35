"""An NTP server on this machine's loopback, for boards that tests and demonstrations start."""

from __future__ import annotations

import socket
import struct
import threading
import time

from fault_proxy import HOST

SECONDS_TO_1970 = 2208988800
SERVER = 0x24  # Version 4, mode 4; its clock is set.


class TimeServer:
    """Answers on the UDP port `port` from `with` to its end. `asked` counts the questions."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.port = self._socket.getsockname()[1]
        self.asked = 0

    def _serve(self) -> None:
        while True:
            question, peer = self._socket.recvfrom(48)
            if not question:
                return
            self.asked += 1
            now = struct.pack("!Q", int((time.time() + SECONDS_TO_1970) * 2**32) % 2**64)
            self._socket.sendto(bytes((SERVER, 1)) + bytes(22) + question[40:48] + now + now, peer)

    def __enter__(self) -> TimeServer:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.sendto(b"", (HOST, self.port))
        self._thread.join()
        self._socket.close()
