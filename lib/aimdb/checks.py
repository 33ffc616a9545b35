def check_int(name: str, value: object, least: int = 0, most: int = 0x1FFFFFFF) -> None:
    """Raise `TypeError` unless `value` is an int and no bool, and `ValueError` unless `least <= value <= most`.

    The sentence has the name, the range and the value. The default for `most` is the largest difference that
    `time.ticks_add` takes on all boards: 6.2 days in milliseconds. Counters have the same range.
    """
    if type(value) is not int or not least <= value <= most:
        kind = ValueError if type(value) is int else TypeError
        raise kind("%s is an int from %d to %d, not %r" % (name, least, most, value))
