"""What the errors that concern a record say. Loaded when one is printed."""

from micropython import const

from . import errors

# How the sentence goes on, for the errors that tasks meet at work; `{}` stands for the count. Others have a `text`.
_TEXTS = const("""\
BufferEmpty has nothing to read now
BufferFull has no space
BufferClosed is closed, or this reader of it
BufferLagged has overwritten {} unread values""")


def text(error) -> str:
    """What `str(error)` is."""
    words = getattr(error, "text", "")
    for line in _TEXTS.split("\n"):
        kind, _, rest = line.partition(" ")
        if isinstance(error, getattr(errors, kind)):
            words = " " + rest.format(error.count)
    return "%s: record %r (capacity %r)%s" % (type(error).__name__, error.key, error.capacity, words)
