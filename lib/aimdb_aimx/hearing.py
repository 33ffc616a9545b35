"""What a hub tells of its records. Loaded when the first value arrives."""

import json

from aimdb_net.errors import drop, tell
from micropython import const

_MASK = const(0x1FFFFFFF)


def heard(hub, frame, beginning) -> bool:
    """A value has come: give it to the inbox that it is for. False: that has no room now, nothing was done.

    Without `frame` it is one that is too long, of which there is only the `beginning`. Raises `ValueError`,
    `KeyError` or `TypeError` for what is malformed, and `MemoryError`, after which it may be tried again.
    """
    if frame is None:
        return _too_long(hub, bytes(beginning))
    number = int(frame["sub"])
    seq = frame["seq"]
    data = frame["data"]
    if type(seq) is not int:
        raise ValueError(seq)
    for inbox in hub.inboxes:
        if inbox.packet_id == number and not inbox.ended:
            break
    else:
        return True  # Of a subscription that has ended.
    if not (inbox.has_room() or inbox.skips):
        hub.blocked = inbox
        return False
    hub.blocked = None
    entry = None
    if inbox.has_room():
        try:
            codec = inbox.codec
            text = json.dumps(data)
            if codec:
                data = codec.decode(text.encode())
            elif "inf" in text:
                json.loads(text)  # See `JsonCodec.decode`.
            entry = data, None
        except MemoryError:
            raise
        except Exception as er:
            hub.refused(inbox.buffer.key, inbox.name, data, er)
    _count(hub, inbox, seq)
    if entry is None:
        drop(inbox.buffer)
    else:
        inbox.values.append(entry)
        inbox.wake()
    return True


def _count(hub, inbox, seq):
    # Values that the hub has left out: it numbers them without gaps.
    missed = min(seq - inbox.seq - 1, _MASK)
    inbox.seq = seq
    if missed > 0:
        buffer = inbox.buffer
        buffer.dropped_count = (buffer.dropped_count & _MASK) + missed
        hub.lagged_count += missed
        hub.hole_count += 1
        tell(hub.hole_count, "record %r: a hole of %d values in what comes from %s", buffer.key, missed, inbox.name)


def _too_long(hub, beginning):
    head = beginning[:60]
    if b'"reply"' in head and b'"ok"' in head and b'"sub"' not in head:
        # It has the value that was set, which we know; or it is a welcome, with the names of many records.
        hub.replied(_number_after(b'"id":', beginning), {"version": "3"}, None)
        return True
    hub.oversize_count += 1
    name = hub.name
    number = _number_after(b'"sub":', beginning)
    for inbox in hub.inboxes:
        if number == inbox.packet_id:
            inbox.seq += 1
            drop(inbox.buffer)
            name = inbox.name
    tell(hub.oversize_count, "a frame of %s is longer than max_frame=%d or the memory", name, hub.max_packet - 4)
    return True


def _number_after(field, text):
    # The number behind a field's name, with or without quotes. Raises `ValueError`.
    start = text.find(field) + len(field)
    end = start
    while text[end : end + 1] in b' "0123456789' and end < start + 16:
        end += 1
    return int(str(text[start:end], "utf-8").strip(' "'))
