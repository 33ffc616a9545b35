"""How the node speaks on its console."""

import time


def say(who, text):
    print("%7.2f  %-9s %s" % (time.ticks_ms() / 1000, who, text.replace("\n", "\n" + 19 * " ")))


class Tally:
    """Counts what goes wrong again and again, and names it the 1st, 2nd, 4th, 8th … time."""

    def __init__(self, who):
        self.who = who
        self.count = 0

    def note(self, error):
        self.count += 1
        if not self.count & (self.count - 1):
            say(self.who, "FAILED for the %d. time: %r" % (self.count, error))
