"""Acknowledging messages whose topic is longer than `max_packet`. Loaded for each long packet, and not kept."""

from aimdb_net.errors import ConnectionLost


def shorten(receiver, at: int, length: int) -> int:
    """Leave the topic out of a PUBLISH that fills the receiver's buffer, if its packet id would not fit in otherwise.

    `at`, `length`: where its content begins, and how long it is. Returns the length that it has now. Raises
    `ConnectionLost`.
    """
    view = receiver.view
    topic = view[at] << 8 | view[at + 1]
    if topic + 2 > length:
        raise ConnectionLost("the topic of a PUBLISH is longer than all of it")
    rest = at + 2 + topic  # Where the packet id begins.
    if rest + 2 <= receiver.size:
        return length
    begun = view[rest : receiver.size]
    view[at : at + 3] = b"\0\1?"
    view[at + 3 : at + 3 + len(begun)] = begun
    receiver.end = at + 3 + len(begun)
    receiver.left = max(0, rest - receiver.size)
    receiver.cut = True
    length -= topic - 1
    left = length
    for place in range(receiver.start + 1, at):
        view[place] = left & 0x7F | (0x80 if place < at - 1 else 0)
        left >>= 7
    return length
