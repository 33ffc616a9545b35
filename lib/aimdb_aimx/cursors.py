"""What a peer reads by cursors of its own: `record.drain`, `record.get` of a ring. Loaded for each, and not kept."""

import json

from aimdb import BufferClosed, BufferEmpty, BufferLagged

from .requests import Refusal, entry_of, is_ring, may_write, name_in, refused, text_of

_DRAINED = 3840  # From so many bytes of values on, the rest comes with the next reply; see `text_of`.
_END = object()  # There is no value now.


def newest(peer, record):
    """The newest value of a ring since this peer's last read, or None."""
    reader = _cursor_of(peer, record)
    if not reader.has_value():
        return None
    reader.cursor[0] = record.buffer.metrics()[0] - 1  # Nobody has missed those before it: they do not count as lag.
    return reader.try_recv()


def drain(peer, params) -> tuple:
    """The body of the reply to `record.drain`. Raises `Refusal`."""
    # To drain a buffer whose readers compete is to take from it.
    name = name_in(params)
    entry = entry_of(peer, name, "not_found" if isinstance(name, str) else "internal")
    record = entry[0]
    if not (is_ring(record) or may_write(peer, entry)):
        raise Refusal("denied")
    limit = params.get("limit")
    if limit is None:
        limit = _DRAINED  # A value has a byte at least.
    if type(limit) is not int or limit < 0:
        raise Refusal("internal")
    reader = _cursor_of(peer, record)
    commits = hasattr(reader, "commit")
    if commits:
        reader.commit()  # Who asks for more has got what came before.
    values = bytearray()  # In one piece, as a thousand small ones take ten times as much of the heap.
    count = 0
    try:
        while count < limit and len(values) < _DRAINED:
            value = _next_of(reader)
            if value is _END:
                break
            text = b"null" if value is None else text_of(peer, entry, value)
            if text:
                if count:
                    values.append(44)  # A comma.
                values.extend(text)
                count += 1
    except Exception as er:  # A buffer of the program's own may raise anything, and a codec lack memory.
        if commits:
            reader.close()  # All of it comes again.
            del peer.cursors[record.key]
        if commits or not count:
            raise
        refused(peer.server, "record %r: a drain ends after %d values: %r", record.key, count, er)
    head = '{"count":%d,"record_name":%s,"values":[' % (count, json.dumps(record.key))
    return head.encode(), values, b"]}"


def _cursor_of(peer, record):
    """The reader that this peer's `record.get` and `record.drain` have in common; the first call opens it."""
    reader = peer.cursors.get(record.key)
    if reader is None:
        reader = peer.cursors[record.key] = record.subscribe()
    return reader


def _next_of(reader):
    """The next value of a cursor, or `_END`. A lag is skipped, and no second one: some buffer may only lag."""
    for _ in range(2):
        try:
            return reader.try_recv()
        except BufferLagged:
            pass
        except BufferEmpty:
            break
        except BufferClosed:  # By itself, as a pair would be made now, and needs heap.
            break
    return _END
