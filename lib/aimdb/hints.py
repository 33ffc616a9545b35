"""What may be the reason for an error that ended a stage. Loaded when one did, and not kept."""

from asyncio import CancelledError


def hint(error) -> str:
    """The rest of the sentence about this error, or nothing."""
    if isinstance(error, CancelledError):
        return "; it has awaited a task that was cancelled, or raised this itself"
    if not isinstance(error, (TypeError, AttributeError)):
        return ""
    text = str(error)
    if "'generator'" in text:
        return "; is an await missing before recv, produce_async or subscribe_async?"
    if "isn't iterable" in text or "not iterable" in text:
        return "; is there an await that must not be? produce, try_produce, try_recv and subscribe are not awaited"
    if "'__aiter__'" in text:
        return "; a consumer is read by: async for value in consumer.subscribe()"
    return ""
