"""How the node speaks on its console, and the book of its crashes."""

import time

from aimdb_node import CrashBook

book = CrashBook()  # One for all: what the flash does not take is in it alone.


def say(who, text):
    print("%7.2f  %-9s %s" % (time.ticks_ms() / 1000, who, text.replace("\n", "\n" + 19 * " ")))
