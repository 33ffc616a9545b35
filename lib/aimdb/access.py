"""Which records can be reached from outside, for packages that serve them. Loaded for each use, and not kept."""

import sys

from . import once

_READERS = ("link_to", "tap", "link_from")  # Stages that may stand beside a writer from outside.


def grant(record, write: bool, codec):
    """What `Record.remote` does. Returns the record; raises `TypeError` or `ValueError`."""
    if not isinstance(write, bool):
        raise TypeError("record %r: write is True or False, not %r" % (record.key, write))
    arguments = once("arguments")
    if codec is not None:
        arguments.check_codec(codec)
    arguments.check_name("record %r: a name for others" % record.key, record.key)
    for code in record.key.encode():  # A string's characters would stay in the interpreter's table of names.
        if code < 32 or code in b'"\\\x7f':
            raise ValueError(
                "record %r: a name for others has no quotes, backslashes or control characters" % record.key
            )
        if code in b"*#":
            raise ValueError("record %r: in a name for others, * and # would be a pattern" % record.key)
    db = record.db
    db.remotes[record.key] = (record, write, codec)
    return record


def owned(db) -> list:
    """The records of `db` that may not be written from outside, though it was said so; it is told on stderr."""
    found = []
    for stage in db._stages:
        record, kind = stage[:2]
        if kind not in _READERS and record not in found and db.remotes.get(record.key, (None, False))[1]:
            found.append(record)
            print("aimdb: record %r has a %s, and is not written from outside" % (record.key, kind), file=sys.stderr)
    return found
