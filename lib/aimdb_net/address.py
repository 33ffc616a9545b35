"""URLs of peers, and of what they have. No error shows a part of a URL: a piece of a password may be in any."""

from binascii import unhexlify

from micropython import const

_HOST = const("abcdefghijklmnopqrstuvwxyz0123456789.-_")


def parse(url: str, scheme: str, ports: "tuple[int, int]") -> "tuple[str, bool, str, int, str | None, str | None, str]":
    """The parts of `scheme[s]://[user[:password]@]host[:port][/path]`: name, tls, host, port, user, password, path.

    `ports`: what is meant when there is none, without TLS and with it. User and password may contain %XX; the path is
    taken as it is. `name` is scheme, host and port: the same for all spellings of one address. Raises `TypeError` or
    `ValueError` for what is no such URL.
    """
    if not isinstance(url, str):
        raise TypeError("a URL is a string, not a value of the class %s" % type(url).__name__)
    found, separator, rest = url.partition("://")
    found = found.lower()
    tls = found == scheme + "s"
    if not separator or not (tls or found == scheme):
        raise ValueError("the URL does not begin with %s:// or %ss://" % (scheme, scheme))
    authority, _, path = rest.partition("/")
    user = password = None
    if "@" in authority:
        user, authority = authority.rsplit("@", 1)
        user, colon, password = user.partition(":")
        user = _unquoted(user) or None
        password = _unquoted(password) if colon else None
        if password is not None and user is None:
            raise ValueError("there is a password without a user")
    elif "@" in path:
        text = "a / in a password is written %%2F; if there is an @ behind the host, the URL begins with %s://@"
        raise ValueError(text % found)
    host, port = _split(authority.lower())
    if not port.isdigit() and port or port and not 0 < int(port) < 65536:
        raise ValueError("a port is a number from 1 to 65535, and a : or / in a password is written %3A or %2F")
    number = int(port) if port else ports[tls]
    shown = "[%s]" % host if ":" in host else "127.0.0.1" if host == "localhost" else host
    name = "%s://%s:%d" % (found, shown, number)
    return name, tls, host, number, user, password, path


def _split(text):
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        digits = host.partition("%")[0].strip("0123456789abcdef:.")  # An interface may stand behind a %.
        if not bracket or ":" not in host or digits or port and (port[0] != ":" or port == ":"):
            raise ValueError("an IPv6 address is written [address] or [address]:port")
        return host, port[1:]
    host, colon, port = text.partition(":")
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
