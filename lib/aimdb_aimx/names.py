"""Where the public names are. Loaded when one is first asked for, and not kept."""

# A line for each module: it is loaded when one of its names is first used.
MODULES = """\
aimdb_aimx.server AimxServer
aimdb_aimx.hub Hub State
aimdb_aimx.record AimxRecord
aimdb_net.errors PeerError Unreachable Refused ConnectionLost NotConnected"""
