"""Let the USB host notice that the guest has left the bus and come back.

Why: a guest that gets other descriptors (machine.USBDevice) lets go of the bus for a moment, and expects to be asked
for them again; the stock host goes on with those that it has read at first.

No longer needed once USBCDC enumerates again when the guest pulls up its line again.
"""

from rp2040py.peripherals.usb import SIE_CTRL_PULLUP_EN
from rp2040py.usb.cdc import USBCDC


def repair_usb_reconnect(cdc: USBCDC) -> None:
    """Repair one USB host. Call before the board starts, after all that is to hear when the guest leaves the bus."""
    usb = cdc.usb
    stock_write = usb._handle_sie_ctrl_write
    has_left = usb.on_reset

    def write(value: int) -> None:
        before = usb._sie_ctrl
        stock_write(value)
        if usb._sie_ctrl & ~before & SIE_CTRL_PULLUP_EN and cdc._descriptors_size is not None:
            has_left()
            usb.reset_device()

    usb._handle_sie_ctrl_write = write
