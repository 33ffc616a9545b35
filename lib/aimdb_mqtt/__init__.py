"""Records that live on an MQTT broker: links to and from its topics, and a buffer whose *done* is the broker's PUBACK.

MQTT 3.1.1, QoS 0 and 1. `Record.link_to` and `Record.link_from` find this package by the scheme of the URL:

    db.configure("temperature", SpmcRing(16)).source(read).link_to("mqtt://broker.local/node7/temperature")
    db.configure("interval", SingleLatest()).link_from("mqtt://broker.local/node7/interval")
"""

from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from .broker import Broker as Broker
    from .broker import State as State
    from .codecs import BytesCodec as BytesCodec
    from .codecs import JsonCodec as JsonCodec
    from .codecs import StructCodec as StructCodec
    from .errors import ConnectionLost as ConnectionLost
    from .errors import MqttError as MqttError
    from .errors import NotConnected as NotConnected
    from .errors import Refused as Refused
    from .errors import Unreachable as Unreachable
    from .inbound import link_from as link_from
    from .outbound import link_to as link_to
    from .topic import MqttTopic as MqttTopic

# The module of each public name; it is loaded when one of its names is first used.
_modules = {
    "Broker": "broker",
    "BytesCodec": "codecs",
    "ConnectionLost": "errors",
    "JsonCodec": "codecs",
    "MqttError": "errors",
    "MqttTopic": "topic",
    "NotConnected": "errors",
    "Refused": "errors",
    "State": "broker",
    "StructCodec": "codecs",
    "Unreachable": "errors",
    "link_from": "inbound",
    "link_to": "outbound",
}


def __getattr__(name):
    if name not in _modules:
        raise AttributeError(name)
    value = getattr(__import__(_modules[name], globals(), None, (name,), 1), name)
    globals()[name] = value
    return value
