"""URLs of brokers and of topics on them. No error shows a part of a URL: a piece of a password may be in any."""

from binascii import unhexlify

from micropython import const

_HOST = const("abcdefghijklmnopqrstuvwxyz0123456789.-_")


def parse(url: str) -> "tuple[str, bool, str, int, str | None, str | None, str]":
    """The parts of `mqtt[s]://[user[:password]@]host[:port][/topic]`: name, tls, host, port, user, password, topic.

    User and password may contain %XX; the topic is taken as it is. `name` is scheme, host and port: the same for all
    spellings of one address. Raises `TypeError` or `ValueError` for what is no such URL.
    """
    if not isinstance(url, str):
        raise TypeError("a URL is a string, not a %s" % type(url).__name__)
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in ("mqtt", "mqtts"):
        raise ValueError("the URL does not begin with mqtt:// or mqtts://")
    authority, _, topic = rest.partition("/")
    user = password = None
    if "@" in authority:
        user, authority = authority.rsplit("@", 1)
        user, colon, password = user.partition(":")
        user = _unquoted(user) or None
        password = _unquoted(password) if colon else None
        if password is not None and user is None:
            raise ValueError("MQTT has no password without a user")
    elif "@" in topic:
        raise ValueError("a / in a password is written %2F; for a topic with an @, the URL begins with mqtt://@")
    host, port = _split(authority.lower())
    if not port.isdigit() and port or port and not 0 < int(port) < 65536:
        raise ValueError("a port is a number from 1 to 65535, and a : or / in a password is written %3A or %2F")
    number = int(port) if port else 8883 if scheme == "mqtts" else 1883
    name = "%s://%s:%d" % (scheme, "127.0.0.1" if host == "localhost" else host, number)
    return name, scheme == "mqtts", host, number, user, password, topic


def _split(authority):
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or not host or port and port[0] != ":":
            raise ValueError("an IPv6 address is written [address] or [address]:port")
        return host, port[1:]
    host, colon, port = authority.partition(":")
    if not host or colon and not port:
        raise ValueError("the URL names no host, or a : without a port")
    for character in host:
        if character not in _HOST:
            raise ValueError("a host's name has only letters, digits, dots and hyphens")
    return host, port


def _unquoted(text):
    first, *parts = text.split("%")
    try:
        raw = first.encode()
        for part in parts:
            raw += unhexlify(part[:2]) + part[2:].encode()
            if len(part) < 2:
                raise ValueError
        return raw.decode()
    except ValueError:  # Of UnicodeError, too.
        raise ValueError("in a user or password, % is written %25, and each %XX has two hex digits of UTF-8")
