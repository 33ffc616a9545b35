"""What a guest does to the flash: every erase and every write, in order."""

from collections.abc import Callable
from typing import NamedTuple

from rp2040py.peripherals.ssi import (
    CMD_BLOCK_ERASE,
    CMD_PAGE_PROGRAM,
    CMD_READ_STATUS_1,
    CMD_SECTOR_ERASE,
    FLASH_BLOCK_SIZE,
    FLASH_PAGE_SIZE,
    FLASH_SECTOR_SIZE,
)
from rp2040py.rp2040 import RP2040

ERASE_SIZES = {CMD_SECTOR_ERASE: FLASH_SECTOR_SIZE, CMD_BLOCK_ERASE: FLASH_BLOCK_SIZE}
HEADER_LENGTH = 4  # the command and a 24 bit address
STATUS_BUSY_BIT = 0x01

# Typical times of the W25Q16JV that is on a Pico, by its datasheet: a sector erase and a page program.
TYPICAL_BUSY_NANOSECONDS = {"erase": 45_000_000, "program": 400_000}


class FlashOperation(NamedTuple):
    """One operation as the flash chip sees it."""

    kind: str  # "erase" or "program"
    address: int  # from the start of the flash
    size: int  # bytes
    data: bytes  # what is programmed: bits can only go from 1 to 0; empty for an erase
    nanoseconds: int  # emulated time


class FlashMonitor:
    """Counts and records a board's flash operations. The engine thread writes; read while the board rests.

    Attributes:
        log: all operations since the start, or since `clear`.
        before: called on the engine thread with each operation, before it is applied. When it returns False,
            the operation has no effect: the place from which to cut the power in the middle of one.
        busy: for how many nanoseconds the chip is busy with an "erase" and a "program"; none by default, which
            saves wall time. `TYPICAL_BUSY_NANOSECONDS` are those of a Pico.
    """

    def __init__(self, mcu: RP2040) -> None:
        self._mcu = mcu
        self._apply = mcu.ssi._apply_command
        mcu.ssi._apply_command = self._command_complete
        self.log: list[FlashOperation] = []
        self.before: Callable[[FlashOperation], bool | None] | None = None
        self.busy: dict[str, int] = {}
        self._busy_until = 0
        self._shift = mcu.ssi._shift_byte
        mcu.ssi._shift_byte = self._byte_shifted

    @property
    def erases(self) -> int:
        """How many erases the log has."""
        return sum(operation.kind == "erase" for operation in self.log)

    @property
    def programs(self) -> int:
        """How many page writes the log has."""
        return sum(operation.kind == "program" for operation in self.log)

    def clear(self) -> None:
        """Forget the log: counting starts from zero."""
        self.log.clear()

    def _command_complete(self) -> None:
        operation = self._operation()
        if operation is not None:
            self.log.append(operation)
            if self.before is not None and self.before(operation) is False:
                self._mcu.ssi._write_enabled = False
                self._mcu.ssi._tx_buffer = bytearray()
                return
            self._busy_until = operation.nanoseconds + self.busy.get(operation.kind, 0)
        self._apply()

    def _byte_shifted(self, byte: int) -> int:
        answer = self._shift(byte)
        command = self._mcu.ssi._tx_buffer
        if self.busy and len(command) > 1 and command[0] == CMD_READ_STATUS_1:
            answer |= STATUS_BUSY_BIT * (self._mcu.clock.nanos < self._busy_until)
        return answer

    def _operation(self) -> FlashOperation | None:
        """The operation that the bytes on the bus amount to, or None when they change nothing."""
        command = bytes(self._mcu.ssi._tx_buffer)
        if len(command) < HEADER_LENGTH or not self._mcu.ssi._write_enabled:
            return None
        address = int.from_bytes(command[1:HEADER_LENGTH], "big")
        now = int(self._mcu.clock.nanos)
        if command[0] in ERASE_SIZES:
            size = ERASE_SIZES[command[0]]
            return FlashOperation("erase", address & ~(size - 1), size, b"", now)
        data = command[HEADER_LENGTH : HEADER_LENGTH + FLASH_PAGE_SIZE]
        if command[0] == CMD_PAGE_PROGRAM and data:
            return FlashOperation("program", address, len(data), data, now)
        return None
