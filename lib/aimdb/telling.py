"""Says on stderr what happens now and then. Loaded for each time, and not kept."""

import sys


def say(count: int, text: str, values: tuple) -> None:
    """Print a line about what has happened `count` times by now."""
    try:
        text = text % values
    except MemoryError:
        raise
    except Exception:  # A value has no words for itself.
        text = text % tuple([each if isinstance(each, (str, int)) else type(each) for each in values])
    print("aimdb: %s; %d in all" % (text, count), file=sys.stderr)
