"""Let the USB host start a frame each millisecond while the guest listens for frames.

Why: the firmware sends what main.py printed before the host was there some frames after the host has
appeared; the stock controller never starts one, so that those lines stay on the board until somebody types.

No longer needed once RPUSBController raises DEV_SOF in device mode.
"""

from rp2040py.peripherals.usb import INTE, SOF_RD, RPUSBController

DEV_SOF = 1 << 17
FRAME_NANOSECONDS = 1_000_000


def repair_usb_frames(usb: RPUSBController) -> None:
    """Repair one USB controller. Call before the board starts."""
    _FrameSource(usb)


class _FrameSource:
    """Starts frames, but only while the guest wants them, so that it can rest. Runs on the engine thread."""

    def __init__(self, usb: RPUSBController) -> None:
        self._usb = usb
        self._frame_alarm = usb.rp2040.clock.create_alarm(self._start_frame)
        self._ticking = False
        self._stock_read = usb.read_uint32
        self._stock_write = usb.write_uint32
        usb.read_uint32 = self._read
        usb.write_uint32 = self._write

    def _write(self, offset: int, value: int) -> None:
        self._stock_write(offset, value)
        if offset == INTE and self._wanted() and not self._ticking:
            self._ticking = True
            self._frame_alarm.schedule(FRAME_NANOSECONDS)

    def _read(self, offset: int) -> int:
        if offset == SOF_RD:
            # Reading the frame number is how the guest acknowledges the frame.
            self._usb._int_raw &= ~DEV_SOF
            self._usb.check_interrupts()
        return self._stock_read(offset)

    def _start_frame(self) -> None:
        self._ticking = self._wanted()
        if not self._ticking:
            return
        self._usb._sof_frame_number = (self._usb._sof_frame_number + 1) & 0x7FF
        self._usb._int_raw |= DEV_SOF
        self._usb.check_interrupts()
        self._frame_alarm.schedule(FRAME_NANOSECONDS)

    def _wanted(self) -> bool:
        return bool(self._usb._int_enable & DEV_SOF) and not self._usb._host_mode
