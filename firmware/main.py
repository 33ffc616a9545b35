import gc

from aimdb_node import Setting, Supervisor, Watchdog, check_watchdog
from report import book, say

# Loading leaves holes in the heap. Collected this often, it fills them, and whoever opens a file finds the 1.2 KB
# for it in one piece.
gc.threshold(16384)

# Milliseconds; 0 is none. The command `watchdog` changes it, for the next start.
watchdog = Watchdog(Setting("/watchdog.json", 0, check_watchdog).peek())


async def application():
    with watchdog.patience(120000):  # The journal may be long.
        import sensor_node
    await sensor_node.main()


async def repair():
    import repair

    await repair.main()


Supervisor(application, repair, crashes=book, watchdog=watchdog, say=say).run()
