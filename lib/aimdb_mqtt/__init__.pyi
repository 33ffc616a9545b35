"""The public names of aimdb_mqtt, for editors and type checkers. Boards find them by `__init__.py`."""

from types import ModuleType

from aimdb.codecs import BytesCodec as BytesCodec
from aimdb.codecs import StructCodec as StructCodec
from aimdb.json_codec import JsonCodec as JsonCodec

from .broker import Broker as Broker
from .broker import State as State
from .errors import ConnectionLost as ConnectionLost
from .errors import MqttError as MqttError
from .errors import NotConnected as NotConnected
from .errors import Refused as Refused
from .errors import Unreachable as Unreachable
from .inbound import link_from as link_from
from .outbound import link_to as link_to
from .topic import MqttTopic as MqttTopic

def once(name: str) -> ModuleType: ...
