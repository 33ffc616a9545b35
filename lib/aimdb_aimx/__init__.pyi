"""The public names of aimdb_aimx, for editors and type checkers. Boards find them by `__init__.py`."""

from types import ModuleType
from typing import Any

from aimdb_net.errors import ConnectionLost as ConnectionLost
from aimdb_net.errors import NotConnected as NotConnected
from aimdb_net.errors import PeerError as PeerError
from aimdb_net.errors import Refused as Refused
from aimdb_net.errors import Unreachable as Unreachable

from .hub import Hub as Hub
from .hub import State as State
from .links import link_from as link_from
from .links import link_to as link_to
from .record import AimxRecord as AimxRecord
from .server import AimxServer as AimxServer

def once(name: str) -> ModuleType: ...
def parsed(frame: Any) -> Any: ...
