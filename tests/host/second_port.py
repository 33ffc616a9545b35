"""A second serial port on USB, made by the program: what `usb-device-cdc` is to a real one, in few lines, for tests."""

SOURCE = b'''
import io, machine

device = machine.USBDevice()
console = device.BUILTIN_DEFAULT
ITF, EP = console.itf_max, console.ep_max
CONFIGURATION = bytearray(console.desc_cfg + bytes((
    8, 11, ITF, 2, 2, 2, 0, 0,
    9, 4, ITF, 0, 1, 2, 2, 0, 0,
    5, 36, 0, 32, 1, 5, 36, 1, 0, ITF + 1, 4, 36, 2, 6, 5, 36, 6, ITF, ITF + 1,
    7, 5, 128 | EP, 3, 8, 0, 16,
    9, 4, ITF + 1, 0, 2, 10, 0, 0, 0,
    7, 5, EP + 1, 2, 64, 0, 0,
    7, 5, 129 + EP, 2, 64, 0, 0)))
CONFIGURATION[2:4] = len(CONFIGURATION).to_bytes(2, "little")
CONFIGURATION[4] = ITF + 2


class Port(io.IOBase):
    """A stream that never blocks: what has come and was not read, and what is to go, is in two buffers."""

    def __init__(self):
        self._come, self._gone = bytearray(), bytearray()
        self._in, self._out = bytearray(64), b""
        self._is_open = False
        device.builtin_driver = console
        device.config(console.desc_dev, CONFIGURATION, {}, self._open, self._reset, self._control, self._done)
        device.active(True)

    def _open(self, _):
        self._is_open = True
        device.submit_xfer(EP + 1, self._in)
        self._send()

    def _reset(self):
        self._is_open = False
        self._out = b""

    def _control(self, stage, request):
        return True

    def _done(self, endpoint, result, count):
        if endpoint == EP + 1:
            self._come.extend(self._in[:count])
            device.submit_xfer(EP + 1, self._in)
        elif endpoint == 129 + EP:
            self._out = b""
            self._send()

    def _send(self):
        if self._is_open and self._gone and not self._out:
            self._out = bytes(self._gone[:64])
            self._gone = self._gone[64:]
            device.submit_xfer(129 + EP, self._out)

    def readinto(self, view):
        count = min(len(view), len(self._come))
        view[:count] = self._come[:count]
        self._come = self._come[count:]
        return count or None

    def write(self, data):
        count = min(len(data), 256 - len(self._gone))
        self._gone.extend(data[:count])
        self._send()
        return count or None

    def ioctl(self, request, flags):
        if request != 3:
            return 0
        return flags & ((1 if self._come else 0) | (4 if len(self._gone) < 256 else 0))
'''
