"""Where the public names are. Loaded when one is first asked for."""

# A line for each module: it is loaded when one of its names is first used.
MODULES = """\
aimdb_node.clock Clock
aimdb_node.commands Commands Refused one_of whole
aimdb_node.console console
aimdb_node.crashes CrashBook
aimdb_node.setting Setting
aimdb_node.supervisor Restart Supervisor
aimdb_node.watchdog Watchdog check_watchdog reset_cause
aimdb_node.wifi Wifi
aimdb_node.answering answers"""
