"""What every node in the field needs beside its application: it comes back, keeps its settings, and knows the time.

Supervisor   runs the application again after an error, resets the board, and at last keeps it reachable
CrashBook    the last error and its traceback, in a small file
Watchdog     resets a board whose loop has stopped
Setting      a record whose value is there after a restart
Wifi, Clock  joined, and joined again; set, and set again
Commands, console   lines of text that are checked before they are obeyed
"""

from aimdb import kept, once
from micropython import const

__version__ = "0.1.0"

_BOARD = const(1)
if not _BOARD:  # So that the board's compiler knows the constant, and stores nothing.
    TYPE_CHECKING = const(0)
if TYPE_CHECKING:
    from .answering import answers as answers
    from .clock import Clock as Clock
    from .commands import Commands as Commands
    from .commands import Refused as Refused
    from .commands import one_of as one_of
    from .commands import whole as whole
    from .console import console as console
    from .crashes import CrashBook as CrashBook
    from .setting import Setting as Setting
    from .supervisor import Restart as Restart
    from .supervisor import Supervisor as Supervisor
    from .watchdog import Watchdog as Watchdog
    from .watchdog import check_watchdog as check_watchdog
    from .watchdog import reset_cause as reset_cause
    from .wifi import Wifi as Wifi

else:

    def __getattr__(name):
        return once("loading").load(globals(), kept("names", "aimdb_node").MODULES, name)
