"""Records that live on an MQTT broker: links to and from its topics, and a buffer whose *done* is the broker's PUBACK.

MQTT 3.1.1, QoS 0 and 1. `Record.link_to` and `Record.link_from` find this package by the scheme of the URL:

    db.configure("temperature", SpmcRing(16)).source(read).link_to("mqtt://broker.local/node7/temperature")
    db.configure("interval", SingleLatest()).link_from("mqtt://broker.local/node7/interval")
"""

import sys

from aimdb import BufferFull, DbError, load
from micropython import const

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from aimdb.codecs import BytesCodec as BytesCodec
    from aimdb.codecs import StructCodec as StructCodec
    from aimdb.json_codec import JsonCodec as JsonCodec

    from .broker import Broker as Broker
    from .broker import State as State
    from .inbound import link_from as link_from
    from .outbound import link_to as link_to
    from .topic import MqttTopic as MqttTopic


class MqttError(DbError):
    """Base class of what goes wrong between us and the broker."""


class Unreachable(MqttError):
    """No connection to the broker could be made."""


class Refused(MqttError):
    """The broker said no: to the connection (user, password, client id) or to a subscription."""


class ConnectionLost(MqttError):
    """The connection ended, or the broker did not answer in time, before it had acknowledged."""


class ProtocolError(ConnectionLost):
    """The broker sent what is not MQTT 3.1.1; the connection was ended."""


class NotConnected(BufferFull):
    """`try_produce` was refused because there is no connection to the broker now; nothing was sent."""


# A line for each module of the other public names: it is loaded when one of them is first used.
_MODULES = const("""\
aimdb_mqtt.broker Broker State
aimdb_mqtt.outbound link_to
aimdb_mqtt.inbound link_from
aimdb_mqtt.topic MqttTopic
aimdb.json_codec JsonCodec
aimdb.codecs BytesCodec StructCodec""")


def briefly(name: str):
    """The module `name` of this package, for the moment: it does not stay loaded."""
    module = __import__("aimdb_mqtt." + name, None, None, (name,))
    for modules in (sys.modules, globals()):
        modules.pop("aimdb_mqtt." + name, None)
        modules.pop(name, None)
    return module


def __getattr__(name):
    return load(globals(), _MODULES, name)
