"""What goes wrong with an emulated board, and with the firmware that it runs."""


class BoardError(Exception):
    """Something went wrong on, or with, an emulated board.

    Attributes:
        stderr: what the guest printed as its traceback, or "" when the guest raised nothing.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr


class FirmwareError(Exception):
    """There is no usable firmware image."""
