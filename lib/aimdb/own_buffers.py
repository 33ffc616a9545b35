"""Checks buffers that users wrote, before anything waits for what they cannot do. Loaded for that, and not kept."""

from .buffer import Buffer


def flaws(records: list, stages: list) -> list:
    """The mistakes in the buffers of these records: (record, "buffer", buffer, what is wrong) of each."""
    found = []
    for record in records:
        readers = ["its " + kind for each, kind, _, _ in stages if each is record and kind in ("tap", "link_to")]
        for each, kind, function, _ in stages:
            if record.key in getattr(function, "inputs", ()):
                readers.append("the %s of record %r" % (kind, each.key))
        flaw = _flaw(record.buffer, readers)
        if flaw:
            found.append((record, "buffer", record.buffer, flaw))
    return found


def _flaw(buffer, readers):
    name = type(buffer).__name__
    if _lacks(buffer, "push") and _lacks(buffer, "try_push") and _lacks(buffer, "push_async"):
        return "%s that defines no push(self, value)" % name
    for method in ("push", "try_push", "subscribe", "has_value", "take"):
        if type(getattr(type(buffer), method)).__name__ == "generator":
            return "%s whose %s is an async def; only push_async may wait" % (name, method)
    if readers and _lacks(buffer, "subscribe") and _lacks(buffer, "subscribe_async"):
        for method in ("has_value", "take"):
            if _lacks(buffer, method):
                return "%s that defines no %s(self, reader), which %s needs" % (name, method, readers[0])
    return None


def _lacks(buffer, method):
    return method not in buffer.__dict__ and getattr(type(buffer), method) is getattr(Buffer, method)
