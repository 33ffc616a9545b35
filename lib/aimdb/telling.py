"""Says on stderr what happens now and then. Loaded for each time, and not kept."""

import sys


def in_words(text: str, values: tuple) -> str:
    """`text % values`, with its class in place of a value that has no words for itself."""
    try:
        return text % values
    except MemoryError:
        raise
    except Exception:
        return text % tuple([each if isinstance(each, (str, int)) else type(each) for each in values])


def say(count: int, text: str, values: tuple) -> None:
    """Print a line about what has happened `count` times by now."""
    print("aimdb: %s; %d in all" % (in_words(text, values), count), file=sys.stderr)
