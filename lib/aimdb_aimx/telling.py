"""Says on stderr what peers were refused. Loaded for each time, and not kept."""

import sys


def tell(text: str, count: int) -> None:
    """Say it, and that it was the `count`th time."""
    print("aimdb: %s; %d in all" % (text, count), file=sys.stderr)
