from micropython import const

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from .db import Record

# The package that makes the links of a URL's scheme; it is loaded when it is first needed.
_packages = {"mqtt": "aimdb_mqtt", "mqtts": "aimdb_mqtt"}


def link(record: "Record", direction: str, url: str, options: dict) -> "Record":
    """Add to the record's stages what the function `direction` of the package for the scheme makes of the URL.

    That is an `async def stage(record)`. Mistakes are told by `AimDb.run`. Returns the record.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    scheme = url.partition("://")[0] if isinstance(url, str) and "://" in url else ""
    package = _packages.get(scheme)
    try:
        if package:
            return record._add(direction, getattr(__import__(package), direction)(record, url, **options))
        mistake = "with no URL of a known scheme (%s)" % ", ".join(sorted(_packages))
    except ImportError:
        mistake = "%s://, which needs the package %s" % (scheme, package)
    except (TypeError, ValueError) as er:
        mistake = "%s:// that is wrong: %s" % (scheme, er)
    record.db.mistakes.append((record, direction, url, mistake))
    return record
