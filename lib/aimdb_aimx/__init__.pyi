"""The public names of aimdb_aimx, for editors and type checkers. Boards find them by `__init__.py`."""

from types import ModuleType

from .errors import AimxError as AimxError
from .errors import FrameError as FrameError
from .server import AimxServer as AimxServer

def once(name: str) -> ModuleType: ...
