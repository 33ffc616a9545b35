"""What goes wrong between us and a peer that speaks AimX."""

from aimdb import DbError


class AimxError(DbError):
    """Base class of what goes wrong between us and a peer."""


class FrameError(AimxError):
    """What a peer sends cannot be cut into frames any more, or a frame was not sent to its end."""
