import sys


def tell(text: str, first, second) -> None:
    """Say on stderr what somebody may want to mend. Where there is no heap for it, nothing is said."""
    # Two values, and not any number: a tuple of them would be made before the call, and raise there.
    try:
        try:
            text = text % (first, second)
        except MemoryError:
            raise
        except Exception:  # A value has no words for itself.
            text = text % tuple([each if isinstance(each, (str, int)) else type(each) for each in (first, second)])
        print("aimdb:", text, file=sys.stderr)
    except MemoryError:
        pass
