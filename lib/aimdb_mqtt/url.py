_PORTS = {"mqtt": 1883, "mqtts": 8883}


def parse(url: str) -> "tuple[str, bool, str, int, str | None, str | None, str]":
    """The parts of `mqtt[s]://[user[:password]@]host[:port][/topic]`: name, tls, host, port, user, password, topic.

    User and password may contain %XX; the topic is taken as it is. `name` is scheme, host and port, with no
    secrets in it. Raises `TypeError` or `ValueError` for what is no such URL.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if not isinstance(url, str):
        raise TypeError("a URL is a string, not %r" % (url,))
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _PORTS:
        raise ValueError("the URL does not begin with mqtt:// or mqtts://")
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
    return "%s://%s:%d" % (scheme, host, number), scheme == "mqtts", host, number, user, password, topic


def _unquoted(text):
    if "%" not in text:
        return text
    first, *parts = text.split("%")
    raw = bytearray(first.encode())
    for part in parts:
        raw.append(int(part[:2], 16))
        raw.extend(part[2:].encode())
    return bytes(raw).decode()
