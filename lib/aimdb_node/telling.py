import sys


def tell(text: str, first, second) -> None:
    """Say on stderr what somebody may want to mend. Where there is no heap for it, nothing is said."""
    # Two values, and not any number: a tuple of them would be made before the call, and raise there.
    try:
        print("aimdb:", text % (first, second), file=sys.stderr)
    except MemoryError:
        pass
