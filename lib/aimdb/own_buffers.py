"""Checks buffers that users wrote, before anything waits for what they cannot do. Loaded for that, and not kept."""

from .buffer import Buffer


def flaws(records: list, stages: list) -> list:
    """The mistakes in the buffers of these records: (record, "buffer", buffer, what is wrong) of each."""
    found = []
    for record in records:
        reader = ""
        for other, kind, function, _ in stages:
            if other is record and kind in ("tap", "link_to"):
                reader = "its " + kind
            elif record.key in getattr(function, "inputs", ()):
                reader = "the %s of record %r" % (kind, other.key)
        flaw = _flaw(record.buffer, reader)
        if flaw:
            found.append((record, "buffer", record.buffer, flaw))
    return found


def _flaw(buffer, reader):
    # `reader`: a stage that reads it, in words; empty when none does.
    name = type(buffer).__name__
    if _lacks(buffer, "push") and _lacks(buffer, "try_push") and _lacks(buffer, "push_async"):
        return "%s that defines no push(self, value)" % name
    for method in ("push", "try_push", "subscribe", "has_value", "take", "peek", "held", "close"):
        if type(getattr(type(buffer), method)).__name__ == "generator":
            return "%s whose %s is an async def; only push_async may wait" % (name, method)
    if reader and _lacks(buffer, "subscribe") and _lacks(buffer, "subscribe_async"):
        for method in ("has_value", "take"):
            if _lacks(buffer, method):
                return "%s that defines no %s(self, reader), which %s needs" % (name, method, reader)
    return None


def _lacks(buffer, method):
    return method not in buffer.__dict__ and getattr(type(buffer), method) is getattr(Buffer, method)
