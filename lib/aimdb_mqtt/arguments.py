"""What users give, checked where they give it."""

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
    if not topic or topic[-1] == "/":
        raise ValueError("a topic has at least one byte, and no / at its end: %r" % topic)
    levels = topic.split("/")
    for level in levels:
        if wildcards:
            if len(level) > 1 and ("+" in level or "#" in level) or "#" in levels[:-1]:
                raise ValueError("+ stands for a whole level, # for the last ones: %r" % topic)
        elif "+" in level or "#" in level:
            raise ValueError("wildcards are only for what is subscribed to: %r" % topic)
    if levels[0] == "$share" and not (wildcards and len(levels) > 2 and levels[1] not in ("", "+", "#")):
        raise ValueError("$share/group/topic is only for what is subscribed to: %r" % topic)
    return name("a topic", topic)


def check_flags(**flags) -> None:
    """Raise `TypeError` for what is neither True nor False."""
    for key, value in flags.items():
        if value not in (False, True):
            raise TypeError("%s is True or False, not %r" % (key, value))


def name(what: str, value: str) -> bytes:
    """A name, with its length before it. Raises `ValueError` for characters at which brokers end the connection.

    Source: MQTT 3.1.1, 1.5.3.
    """
    for character in value:
        code = ord(character)
        half = 0xD800 <= code < 0xE000  # Of a surrogate pair.
        none = 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE
        if code < 0x20 or 0x7F <= code < 0xA0 or half or none:
            raise ValueError("%s has a control character, or one that is none" % what)
    return text(value)


def text(value: "str | bytes | bytearray") -> bytes:
    """A string, or bytes, with the length before it. Raises `ValueError` when it is too long."""
    if isinstance(value, str):
        value = value.encode()
    if len(value) > 65535:
        raise ValueError("a text of %d bytes is too long for MQTT" % len(value))
    return number(len(value)) + bytes(value)
