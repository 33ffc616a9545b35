from micropython import const

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Record

# The package that makes the links of a URL's scheme; it is loaded when it is first needed.
_packages = {"mqtt": "aimdb_mqtt", "mqtts": "aimdb_mqtt"}


def stage_of(record: "Record", direction: str, url: str, options: dict) -> "Callable | None":
    """What a link runs: `async def stage(record)`, made by the function `direction` of the package for the scheme.

    Mistakes are the record's; the answer is then None.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    scheme = url.partition("://")[0] if isinstance(url, str) and "://" in url else ""
    package = _packages.get(scheme)
    if not package:
        record.mistake("has a %s with no URL of a known scheme (%s)" % (direction, ", ".join(sorted(_packages))))
        return None
    try:
        return getattr(__import__(package), direction)(record, url, **options)
    except ImportError:
        record.mistake("has a %s %s://, which needs the package %s" % (direction, scheme, package))
    except (TypeError, ValueError) as er:
        record.mistake("has a %s %s:// that is wrong: %s" % (direction, scheme, er))
    return None
