"""What an import says that is not on MicroPython. Loaded there alone."""

import sys

raise ImportError(
    "aimdb is for MicroPython, and this is %s %s. On a computer MicroPython's unix port runs it (micropython main.py), "
    "and pytest does with the plugin pytest-micropython. On a board: mpremote run main.py"
    % (sys.implementation.name, sys.version.split()[0])
)
