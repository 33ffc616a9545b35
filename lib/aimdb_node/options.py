"""What a program may say when it makes something; see the module of this name in aimdb."""

OPTIONS = """\
Clock host port again_s set_clock
Commands longest passed
CrashBook path size
Setting path default check quiet_ms
Supervisor application repair crashes watchdog say good_s repair_s reset pause_ms
Watchdog timeout_ms machine
Wifi ssid password join_ms interface"""
