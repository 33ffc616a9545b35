"""The serial ports that a guest makes on USB beside its console, by machine.USBDevice, as those of this machine."""

import asyncio
from collections import deque
from collections.abc import Sequence

from rp2040py.usb.cdc import CDC_DATA_CLASS, ENDPOINT_BULK, ENDPOINT_ZERO, USBCDC
from rp2040py.usb.interfaces import DescriptorType

from emulated_pico.terminal import Terminal


class UsbPorts:
    """Made, used and closed on the engine thread. Call before the board starts. The console is number 0."""

    def __init__(self, cdc: USBCDC) -> None:
        self._cdc = cdc
        self._usb = usb = cdc.usb
        self._endpoints: list[tuple[int, int]] = []  # (in, out) of each port, by its number.
        self._room: dict[int, int] = {}  # Of the transfer that the guest has armed, by endpoint.
        self._ports: dict[int, _Port] = {}
        self._stock_write, self._stock_read, self._stock_reset = (
            usb.on_endpoint_write,
            usb.on_endpoint_read,
            usb.on_reset,
        )
        usb.on_endpoint_write, usb.on_endpoint_read, usb.on_reset = self._written, self._armed, self._left

    def serve(self, number: int, loop: asyncio.AbstractEventLoop) -> str:
        """The path of a pseudo terminal onto port `number`, also before the guest has made it."""
        if number not in self._ports:
            self._ports[number] = _Port(loop, lambda: self._deliver(number))
        return self._ports[number].terminal.path

    def close(self) -> None:
        """Take the ports away."""
        for port in self._ports.values():
            port.terminal.close()
        self._ports.clear()

    def _written(self, endpoint: int, data: bytes | bytearray) -> None:
        cdc = self._cdc
        self._stock_write(endpoint, data)
        if endpoint == ENDPOINT_ZERO:
            if cdc._descriptors and len(cdc._descriptors) == cdc._descriptors_size:
                self._endpoints = endpoints_in(cdc._descriptors)
                cdc._in_endpoint, cdc._out_endpoint = self._endpoints[0]  # The stock host takes the last ones.
            return
        for number, port in self._ports.items():
            if self._endpoints[number : number + 1] and self._endpoints[number][0] == endpoint:
                port.terminal.write(bytes(data))

    def _armed(self, endpoint: int, size: int) -> None:
        if endpoint in (ENDPOINT_ZERO, self._cdc._out_endpoint):
            self._stock_read(endpoint, size)
            return
        self._room[endpoint] = size
        for number in self._ports:
            self._deliver(number)

    def _deliver(self, number: int) -> None:
        waiting = self._ports[number].waiting
        if number < len(self._endpoints) and waiting:
            endpoint = self._endpoints[number][1]
            if room := self._room.pop(endpoint, 0):
                packet = bytes(waiting.popleft() for _ in range(min(room, len(waiting))))
                self._usb.endpoint_read_done(endpoint, packet)

    def _left(self) -> None:
        # The guest has left the bus.
        self._endpoints = []
        self._room.clear()
        self._stock_reset()


class _Port:
    def __init__(self, loop: asyncio.AbstractEventLoop, deliver) -> None:
        self.waiting: deque[int] = deque()  # Typed, and not with the guest yet.
        self._deliver = deliver
        self.terminal = Terminal(loop, self._typed)

    def _typed(self, byte: int) -> None:
        self.waiting.append(byte)
        self._deliver()


def endpoints_in(descriptors: Sequence[int]) -> list[tuple[int, int]]:
    """The (in, out) endpoints of each serial port in a configuration, in their order."""
    found: list[tuple[int, int]] = []
    pair: dict[bool, int] = {}
    at, is_data = 0, False
    while at + 1 < len(descriptors) and descriptors[at] > 1:
        descriptor = descriptors[at : at + descriptors[at]]
        if descriptor[1] == DescriptorType.INTERFACE:
            is_data, pair = descriptor[5] == CDC_DATA_CLASS, {}
        elif descriptor[1] == DescriptorType.ENDPOINT and is_data and descriptor[3] & 3 == ENDPOINT_BULK:
            pair[bool(descriptor[2] & 0x80)] = descriptor[2] & 0xF
            if len(pair) == 2:
                found.append((pair[True], pair[False]))
        at += descriptors[at]
    return found
