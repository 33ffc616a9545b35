"""The public names of aimdb_mqtt, for editors and type checkers. Boards find them by `__init__.py`."""

from types import ModuleType

from aimdb.bytes_codec import BytesCodec as BytesCodec
from aimdb.json_codec import JsonCodec as JsonCodec
from aimdb.struct_codec import StructCodec as StructCodec
from aimdb_net.errors import ConnectionLost as ConnectionLost
from aimdb_net.errors import NotConnected as NotConnected
from aimdb_net.errors import PeerError
from aimdb_net.errors import Refused as Refused
from aimdb_net.errors import Unreachable as Unreachable

from .broker import Broker as Broker
from .broker import State as State
from .links import link_from as link_from
from .links import link_to as link_to
from .topic import MqttTopic as MqttTopic

MqttError = PeerError

def once(name: str) -> ModuleType: ...
