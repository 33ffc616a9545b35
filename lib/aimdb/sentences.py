"""What the errors that concern a record say. Loaded when one is printed."""

from micropython import const

# How the sentence goes on, for the errors that tasks meet at work; `{}` stands for the count. Others have a `text`.
_TEXTS = const("""\
BufferEmpty has nothing to read now
BufferFull has no space
BufferClosed is closed, or this reader of it
BufferLagged has overwritten {} unread values""")


def sentence(error) -> str:
    """What `str(error)` is."""
    name = type(error).__name__
    text = getattr(error, "text", "")
    for line in _TEXTS.split("\n"):
        kind, _, words = line.partition(" ")
        if kind == name:
            text = " " + words.format(error.count)
    return "%s: record %r (capacity %r)%s" % (name, error.key, error.capacity, text)
