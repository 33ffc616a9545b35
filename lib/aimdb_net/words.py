"""What is said when no connection can be made. Loaded then, and not kept."""

import errno
from time import localtime

from micropython import const

_WORDS = const(
    "ECONNREFUSED nobody listens at this port,"
    "EHOSTUNREACH there is no way to this address,"
    "ETIMEDOUT nobody answers at this address,"
    "ECONNRESET the peer broke the connection,"
    "ENOMEM there is no memory, or no socket, left"
)


def in_words(error: Exception, tls) -> str:
    """What has gone wrong with a socket, for somebody who is to mend it. `tls`: the context, if there is one."""
    code = errno.errorcode.get(getattr(error, "errno", None))
    text = str(error) or repr(error)
    for words in _WORDS.split(","):
        name, _, sentence = words.partition(" ")
        if name == code:
            text = "%s (%s)" % (sentence, name)
    if tls and localtime()[0] < 2025:
        text += "; the clock says %d, and no certificate is valid yet: set it before" % localtime()[0]
    return text
