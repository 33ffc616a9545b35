"""Finds the package that makes the links of a URL's scheme. Loaded when a record gets a link, and not kept.

For the scheme `mqtt`, or `mqtts`, that is `aimdb_mqtt`. Such a package has `link_to(record, url, **options)` and
`link_from(record, url, **options)`, or one of them. Each returns a stage of the record, an `async def stage(record)`
that `AimDb.run` runs until it ends, and raises `TypeError` or `ValueError` for what is wrong with the URL or options.
"""

from micropython import const

from . import once
from .configuring import add

_OWN = "aimdb_mqtt", "aimdb_aimx"

# What was given is not shown: a password may be in it.
_NO_SCHEME = const("with no URL; one begins with its scheme, as in mqtt://host/topic")


def link(record, direction: str, url: str, options: dict):
    """Add such a stage to the record, or a mistake that `AimDb.run` tells. Returns the record."""
    scheme = url.partition("://")[0].lower() if isinstance(url, str) and "://" in url else ""
    try:
        package, make = maker(scheme, direction)
        if options:
            once("options").check_named(direction, package, options)
        return add(record, direction, make(record, url, **options), url)
    except (TypeError, ValueError) as er:
        mistake = "%s:// that is wrong: %s" % (scheme, er) if scheme else _NO_SCHEME
    except ImportError as er:
        mistake = "%s:// that %s" % (scheme, er)
    record.db.mistakes.append((record, direction, url, mistake))
    return record


def maker(scheme: str, direction: str) -> tuple:
    """(name, function) of the package that has the scheme's name, or, for one with TLS, that without the s at its end.

    Raises `ImportError` when there is none, and `ValueError` for what is no scheme.
    """
    if not scheme.isalpha():
        raise ValueError("a scheme has letters only")
    first = name = "aimdb_" + scheme
    try:
        try:
            package = __import__(name)
        except ImportError as er:
            if not _is_missing(name, er) or name[-1] != "s":
                raise
            name = name[:-1]
            package = __import__(name)
        return name, getattr(package, direction)
    except AttributeError:
        raise ImportError("needs a %s, which the package %s has not" % (direction, name))
    except ImportError as er:
        if _is_missing(name, er):
            if name in _OWN:  # An s, as of mqtts, was left off.
                raise ImportError("needs the package %s, which is not installed" % name)
            text = "needs the package %s, which is not installed; AimDB's own are %s"
            raise ImportError(text % (first, " and ".join(_OWN)))
        raise ImportError("needs the package %s, which cannot be imported here: %s" % (name, er))


def _is_missing(name, error):
    # Else something is that the package imports.
    return "'%s'" % name in str(error)
