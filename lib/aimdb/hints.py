"""What may be the reason for an error that ended a stage. Loaded when one did, and not kept."""

from asyncio import CancelledError


def hint(error, kind: str) -> str:
    """The rest of the sentence about this error of a stage of this kind, or nothing."""
    if isinstance(error, CancelledError):
        return "; it has awaited a task that was cancelled, or raised this itself"
    text = str(error)
    if text.startswith("BufferEmpty"):
        return "; await reader.recv() waits for a value"
    if text.startswith("BufferLagged"):
        return "; async for counts them in reader.lagged, and goes on"
    if text.startswith("BufferFull"):
        return "; await produce_async(value) waits for space"
    if not isinstance(error, (TypeError, AttributeError, ValueError)):
        return ""
    if "positional argument" in text and kind == "transform":
        return "; it is called as fn(value), and with a state as fn(value, state)"
    if kind == "transform_join":
        others = isinstance(error, TypeError) and ("tuple" in text or "Record" in text or "Reader" in text)
        if others or "'__aiter__'" in text:
            return "; a join is async def stage(inputs, producer), and reads pairs: async for key, value in inputs"
    if "positional argument" in text:
        return "; MicroPython counts the object before the dot as one: produce(value) has two"
    if "keyword argument" in text:
        return "; produce_async(value, timeout_ms=…) and recv(timeout_ms=…) have a time limit, the others take no names"
    if "'bound_method'" in text:
        return "; are parentheses missing, as those of reader.recv()?"
    if "generator" in text or "than 0 values" in text:
        return "; is an await missing before recv, produce_async or subscribe_async?"
    if "Reader' object isn't iter" in text or "Reader' object is not iter" in text:
        text = "; a reader is neither awaited nor read by a plain for: async for value in consumer.subscribe() reads it"
        return text + "; or has a buffer a subscribe_async without async?"
    if "Reader' object has no attribute 'commit'" in text:
        return "; commit is of a FlashQueue, and of an MqttTopic with commits=True"
    if "Reader' object has no attribute '" in text and "__" not in text:
        return "; a reader has recv, try_recv, ready, close and lagged"
    if "SyncProducer' object has no attribute '" in text:
        return "; a SyncProducer has try_send(value), and for threads send(value)"
    if "isn't iterable" in text or "not iterable" in text:
        text = "; is there an await that must not be? produce, try_produce, try_recv and subscribe are not awaited"
        return text + "; or has a buffer a push_async or subscribe_async without async?"
    if "'__aiter__'" in text or "'Record'" in text and "'__getitem__'" in text:
        return "; a consumer is read by: async for value in consumer.subscribe()"
    if isinstance(error, TypeError) and "Record" in text or "type 'Record'" in text:
        return "; a stage gets its record, and no value: async for value in consumer.subscribe() reads them"
    return ""
