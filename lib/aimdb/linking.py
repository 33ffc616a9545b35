"""Finds the package that makes the links of a URL's scheme. Loaded when a record gets a link, and not kept.

For the scheme `mqtt`, or `mqtts`, that is `aimdb_mqtt`. Such a package has `link_to(record, url, **options)` and
`link_from(record, url, **options)`, or one of them. Each returns a stage of the record, an `async def stage(record)`
that `AimDb.run` runs until it ends, and raises `TypeError` or `ValueError` for what is wrong with the URL or options.
"""


def link(record, direction: str, url: str, options: dict):
    """Add such a stage to the record, or a mistake that `AimDb.run` tells. Returns the record."""
    scheme = url.partition("://")[0].lower() if isinstance(url, str) and "://" in url else ""
    try:
        return record._add(direction, getattr(package_for(scheme), direction)(record, url, **options), url)
    except (TypeError, ValueError) as er:
        mistake = "%s:// that is wrong: %s" % (scheme, er) if scheme else "with no URL, such as mqtt://host/topic"
    except (ImportError, AttributeError) as er:
        mistake = "%s:// that needs a package aimdb_%s with a %s: %s" % (scheme, scheme, direction, er)
    record.db.mistakes.append((record, direction, url, mistake))
    return record


def package_for(scheme: str):
    """The package whose name is that of the scheme, or, for one with TLS, that without the s at its end.

    Raises `ImportError` when there is none, and `ValueError` for what is no scheme.
    """
    if not scheme.isalpha():
        raise ValueError("a scheme has letters only")
    name = "aimdb_" + scheme
    try:
        return __import__(name)
    except ImportError as er:
        if name not in str(er) or not name.endswith("s"):
            raise
    return __import__(name[:-1])
