"""What goes wrong between us and the broker."""

from aimdb import BufferFull, DbError


class MqttError(DbError):
    """Base class of what goes wrong between us and the broker."""


class Unreachable(MqttError):
    """No connection to the broker could be made."""


class Refused(MqttError):
    """The broker said no: to the connection (user, password, client id) or to a subscription."""


class ConnectionLost(MqttError):
    """The connection ended, or the broker did not answer in time, before it had acknowledged."""


class NotConnected(BufferFull):
    """`try_produce` was refused because there is no connection to the broker now; nothing was sent."""
