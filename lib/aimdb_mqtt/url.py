from collections import namedtuple

from .packets import text

Address = namedtuple("Address", ("name", "tls", "host", "port", "user", "password", "topic"))

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def parse(url: str) -> Address:
    """The parts of `mqtt[s]://[user[:password]@]host[:port][/topic]`.

    User and password may contain %XX; the topic is taken as it is. `name` is scheme, host and port, with no
    secrets in it. Raises `TypeError` or `ValueError` for what is no such URL.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if not isinstance(url, str):
        raise TypeError("a URL is a string, not %r" % (url,))
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _PORTS:
        raise ValueError("%s is not an mqtt:// or mqtts:// URL" % (scheme if separator else "that"))
    authority, _, topic = rest.partition("/")
    user = password = None
    if "@" in authority:
        user, authority = authority.rsplit("@", 1)
        user, colon, password = user.partition(":")
        user = _unquoted(user)
        password = _unquoted(password) if colon else None
    if authority.startswith("["):  # An IPv6 address.
        host, _, port = authority[1:].partition("]")
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    if not host:
        raise ValueError("the URL names no host")
    if port and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("%r is not a port" % port)
    number = int(port) if port else _PORTS[scheme]
    return Address("%s://%s:%d" % (scheme, host, number), scheme == "mqtts", host, number, user, password, topic)


def _unquoted(text):
    if "%" not in text:
        return text
    first, *parts = text.split("%")
    raw = bytearray(first.encode())
    for part in parts:
        raw.append(int(part[:2], 16))
        raw.extend(part[2:].encode())
    return bytes(raw).decode()


def check_topic(topic: str, wildcards: bool = False, qos: int = 1) -> bytes:
    """`topic` as packets have it; `wildcards`: + and # may stand for levels. Raises `ValueError`, also for the `qos`.

    Source: MQTT 3.1.1, 4.7. Cancel safety: it does not wait. IRQ safety: none.
    """
    if qos not in (0, 1):
        raise ValueError("qos is 0 or 1, not %r" % (qos,))
    encoded = topic.encode()
    if not 0 < len(encoded) < 65536 or "\0" in topic:
        raise ValueError("a topic has 1 to 65535 bytes, none of them zero")
    if "+" in topic or "#" in topic:
        levels = topic.split("/")
        if not wildcards:
            raise ValueError("wildcards are only for what is subscribed to: %r" % topic)
        for level in levels:
            if len(level) > 1 and ("+" in level or "#" in level):
                raise ValueError("a wildcard stands for a whole level: %r" % topic)
        if "#" in levels[:-1]:
            raise ValueError("# stands for the last levels only: %r" % topic)
    return text(encoded)
