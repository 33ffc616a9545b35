"""The interpreter's table of names, which grows by leaps: by 20, 40, 80, 160, 320 or 640 places at a time."""

import gc


class _Nothing:
    pass


def add(number):
    """Put a name that nobody has into the table."""
    hasattr(_Nothing, "name_%d" % number)


def begin():
    """Have the table grow by 320 or 640 places now. The next names fit, and what is measured next has no leap in it.

    The interpreter looks at all names for each string that it makes, so nothing should be timed after this.
    """
    number = used = 0
    while used < 2000:
        before = gc.mem_alloc()
        add(number)
        used = gc.mem_alloc() - before
        number += 1
