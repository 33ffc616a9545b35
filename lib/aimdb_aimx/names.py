"""The modules of this package. Loaded when one of their names is first asked for, and not kept."""

from micropython import const

# A line for each module, which is loaded when one of its names is first used.
MODULES = const("""\
aimdb_aimx.server AimxServer
aimdb_aimx.hub Hub State
aimdb_aimx.record AimxRecord
aimdb_net.errors PeerError Unreachable Refused ConnectionLost NotConnected""")
