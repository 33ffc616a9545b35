"""What rp2040py 0.3.6 does wrong, put right from outside, one file for each defect.

Each file says why it is needed. Each has a test named `test_..._upstream_still_...` that fails as soon as
rp2040py itself does the right thing: then the file can go.
"""

from emulated_pico.repairs.engine import Engine
from emulated_pico.repairs.nat_reset import repair_nat_reset
from emulated_pico.repairs.nat_retransmission import repair_nat_retransmission
from emulated_pico.repairs.uart import repair_uart
from emulated_pico.repairs.usb_cdc import repair_usb_cdc
from emulated_pico.repairs.usb_frames import repair_usb_frames
from emulated_pico.repairs.usb_reconnect import repair_usb_reconnect
from emulated_pico.repairs.wifi_credits import repair_wifi_credits
from emulated_pico.repairs.wifi_power import repair_wifi_power

__all__ = [
    "Engine",
    "repair_nat_reset",
    "repair_nat_retransmission",
    "repair_uart",
    "repair_usb_cdc",
    "repair_usb_frames",
    "repair_usb_reconnect",
    "repair_wifi_credits",
    "repair_wifi_power",
]
