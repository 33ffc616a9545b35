"""AimX 3.0, the remote access of AimDB: a board's records for AimDB's own tools and hubs.

`AimxServer` lets others list, read, watch and write the records for which the program says so:

    db.configure("setting", SingleLatest()).remote(write=True)
    AimxServer(db, tcp=7433, token="secret")

The public names are in `__init__.pyi`, for editors and people.
"""

import aimdb
from aimdb import load
from micropython import const

# A line for each module, which is loaded when one of its names is first used.
_MODULES = const("""\
aimdb_aimx.server AimxServer
aimdb_aimx.errors AimxError FrameError""")


def once(name: str):
    """Module `name` of this package, for a single use: it does not stay loaded."""
    return aimdb.once(name, "aimdb_aimx")


def __getattr__(name):
    return load(globals(), _MODULES, name)
