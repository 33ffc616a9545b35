"""What the errors of a record say. Loaded for each sentence, and not kept."""

from .errors import BufferClosed, BufferEmpty, BufferFull, BufferLagged


def sentence(error) -> str:
    """The class of the error, its record, and what has happened."""
    text = getattr(error, "words", "")  # Other modules' errors bring their own.
    for kind, words in (
        (BufferEmpty, " has nothing to read now"),
        (BufferFull, " has no space"),
        (BufferClosed, " is closed, or this reader of it"),
        (BufferLagged, " has overwritten %r unread values" % (error.count,)),
    ):
        if isinstance(error, kind):
            text = words
    return "%s: record %r (capacity %r)%s" % (type(error).__name__, error.key, error.capacity, text)
