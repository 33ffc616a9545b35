"""Of the node's parts only those that are used are loaded."""

import sys

from aimdb_node import Setting
from harness import equal


def test_who_uses_a_setting_has_nothing_else_in_memory():
    assert Setting("/nothing", 5).peek() == 5
    others = "clock commands console crashes supervisor watchdog wifi".split()
    equal([name for name in others if "aimdb_node." + name in sys.modules], [])
