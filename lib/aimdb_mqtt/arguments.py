"""What users give, checked where they give it."""

from aimdb import JsonCodec
from aimdb.errors import check_int

from .packets import number


def check_topic(topic: str, qos: int = 1, wildcards: bool = False) -> bytes:
    """`topic` as packets have it. Raises `TypeError` or `ValueError`, also for the `qos`.

    `wildcards`: it is for a subscription. `+` and `#` may stand for levels, and `$share/group/` before it has the
    broker share its messages among clients. Source: MQTT 3.1.1, 4.7.
    """
    check_int("qos", qos, 0, 1)
    if not isinstance(topic, str):
        raise TypeError("a topic is a string, not %r" % (topic,))
    if not topic or "\0" in topic or topic[-1] == "/":
        raise ValueError("a topic has at least one byte, none that is zero, and no / at its end: %r" % topic)
    levels = topic.split("/")
    for level in levels:
        if wildcards:
            if len(level) > 1 and ("+" in level or "#" in level) or "#" in levels[:-1]:
                raise ValueError("+ stands for a whole level, # for the last ones: %r" % topic)
        elif "+" in level or "#" in level:
            raise ValueError("wildcards are only for what is subscribed to: %r" % topic)
    if levels[0] == "$share" and not (wildcards and len(levels) > 2 and levels[1] not in ("", "+", "#")):
        raise ValueError("$share/group/topic is only for what is subscribed to: %r" % topic)
    return text(topic)


def check_codec(codec: object) -> object:
    """The codec, or a `JsonCodec` for None. Raises `TypeError` for what is none."""
    if codec is None:
        return JsonCodec()
    if isinstance(codec, type) or not (hasattr(codec, "encode") and hasattr(codec, "decode")) or isinstance(codec, str):
        raise TypeError("a codec is an object with encode and decode, such as JsonCodec(), not %r" % (codec,))
    return codec


def note_link(record, broker: str, levels: "list[str]", inward: bool) -> None:
    """Remember a record's link to or from a topic. Raises `ValueError` when its values would circle for ever."""
    links: tuple = getattr(record, "mqtt_links", ()) or getattr(record.buffer, "mqtt_links", ())
    for other, others_levels, others_inward in links:
        if other == broker and others_inward != inward:
            from .arriving import matches

            if matches(levels, others_levels) if inward else matches(others_levels, levels):
                raise ValueError("what comes from %r would be sent there again, without end" % "/".join(levels))
    record.mqtt_links = links + ((broker, levels, inward),)


def text(value: "str | bytes | bytearray") -> bytes:
    """A string, or bytes, with the length before it. Raises `ValueError` when it is too long."""
    if isinstance(value, str):
        value = value.encode()
    if len(value) > 65535:
        raise ValueError("a text of %d bytes is too long for MQTT" % len(value))
    return number(len(value)) + bytes(value)
