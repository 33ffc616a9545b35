"""How the node speaks on its console."""

import time


def say(who, text):
    print("%7.2f  %-9s %s" % (time.ticks_ms() / 1000, who, text.replace("\n", "\n" + 19 * " ")))
