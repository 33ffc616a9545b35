"""What goes wrong with firmware and images."""

from board_declaration import DeployError


class FirmwareError(DeployError):
    """There is no usable firmware image."""
