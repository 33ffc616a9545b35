"""Says on stderr what peers were refused. Loaded for each time, and not kept."""

import sys


def tell(server, text: str, values: tuple) -> None:
    """Make it the server's `last_error`, and say it the 1st time, and the 2nd, 4th, 8th …"""
    try:
        server.last_error = text % values
    except MemoryError:
        raise
    except Exception:  # A value has no words for itself.
        server.last_error = text % tuple([each if isinstance(each, (str, int)) else type(each) for each in values])
    count = server.refused_count
    if not count & (count - 1):
        print("aimdb: %s; %d in all" % (server.last_error, count), file=sys.stderr)
