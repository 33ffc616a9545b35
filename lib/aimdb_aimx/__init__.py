"""AimX 3.0, the remote access of AimDB: a board's records for AimDB's own tools and hubs.

`AimxServer` lets others list, read, watch and write the records for which the program says so:

    db.configure("setting", SingleLatest()).remote(write=True)
    AimxServer(db, tcp=7433, token="secret")

Links and `AimxRecord` dial to a hub, and write or watch records there:

    db.configure("level", FlashQueue("/level")).source(read).link_to("aimx://hub.local:7433/level")

The public names are in `__init__.pyi`, for editors and people, and in `names.py`, for boards.
"""

import json

import aimdb


def once(name: str):
    """Module `name` of this package, for a single use: it does not stay loaded."""
    return aimdb.once(name, "aimdb_aimx")


def parsed(frame):
    """What a frame says. Raises `ValueError`."""
    text = str(frame, "utf-8")
    if len(text) != len(frame):
        aimdb.kept("utf8", "aimdb_aimx").check(bytes(frame))
    return json.loads(aimdb.once("escapes").joined(text) if "\\u" in text else text)


def __getattr__(name):
    if name == "link_to" or name == "link_from":
        # The name is not kept, so that its module need not be.
        return getattr(__import__("aimdb_aimx.links", None, None, (name,)), name)
    return aimdb.once("loading").load(globals(), once("names").MODULES, name)
