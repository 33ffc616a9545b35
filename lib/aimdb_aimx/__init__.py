"""AimX 3.0, the remote access of AimDB: a board's records for AimDB's own tools and hubs.

`AimxServer` lets others list, read, watch and write the records for which the program says so:

    db.configure("setting", SingleLatest()).remote(write=True)
    AimxServer(db, tcp=7433, token="secret")

Links and `AimxRecord` dial to a hub, and write or watch records there:

    db.configure("level", FlashQueue("/level")).source(read).link_to("aimx://hub.local:7433/level")

The public names are in `__init__.pyi`, for editors and people.
"""

import aimdb
from micropython import const

# A line for each module, which is loaded when one of its names is first used.
_MODULES = const("""\
aimdb_aimx.server AimxServer
aimdb_aimx.hub Hub State
aimdb_aimx.record AimxRecord
aimdb_net.errors PeerError Unreachable Refused ConnectionLost NotConnected
aimdb_aimx.errors AimxError FrameError""")


def once(name: str):
    """Module `name` of this package, for a single use: it does not stay loaded."""
    return aimdb.once(name, "aimdb_aimx")


def __getattr__(name):
    if name == "link_to" or name == "link_from":
        # The name is not kept, so that its module need not be.
        return getattr(__import__("aimdb_aimx.links", None, None, (name,)), name)
    return aimdb.once("loading").load(globals(), _MODULES, name)
