from micropython import const

from .buffer import Buffer

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from .buffer import Reader


class Producer:
    """Writes one record. Its calls are the buffer's own: nothing stands between.

    Pick `produce` when the newest value matters most and the loop must never wait, `try_produce` when the caller
    wants to react to a refusal itself, `produce_async` when the value must not be lost and the task can wait.
    """

    def __init__(self, key: str, buffer: Buffer):
        self.key = key
        self.produce = buffer.push
        self.try_produce = buffer.try_push
        self._push_async = buffer.push_async
        self.produce_async = self.produce_async  # The interpreter finds it ten times as fast.

    if TYPE_CHECKING:

        def produce(self, value: Any) -> None:
            """Hand `value` to the buffer; never waits, never raises.

            For sensor loops: when the buffer is full, its own rule says what is lost (the oldest value of an
            `SpmcRing`, the previous one of a `SingleLatest` or `Mailbox`, the new one of a `BoundedQueue`), and
            its `metrics()` count it. Use `try_produce` or `produce_async` when losing it is not acceptable.

            Cancel safety: it does not wait. IRQ safety: none. Heap: none.
            """

        def try_produce(self, value: Any) -> None:
            """Store `value` now or be told why not: `BufferFull` or `BufferClosed`, with the value as `.value`.

            For code that does something else when there is no room: slow down, raise an alarm, keep the value.
            When it raises, nothing was stored. On buffers that overwrite it is refused only when closed.

            Cancel safety: it does not wait. IRQ safety: none. Heap: only for the exception.
            """

    def produce_async(self, value: "Any", timeout_ms: "int | None" = None) -> "Awaitable[None]":
        """Await it: returns when the buffer is done with `value`, or raises what went wrong.

        For values that must arrive: *done* means in a slot for a queue in memory, on flash for a flash-backed one,
        acknowledged by the peer for a network-backed one. On buffers that overwrite it is done at once.
        Raises `BufferClosed`, `SelfDeadlock`, whatever else the buffer raises, and `asyncio.TimeoutError` when it
        is not done after `timeout_ms` milliseconds. When it raises, nothing was stored.

        Cancel safety: cancelled or timed out, it has stored nothing. IRQ safety: none.
        """
        if timeout_ms is None:
            return self._push_async(value)
        from .timeout import timed

        return timed(self._push_async(value), timeout_ms)


class Consumer:
    """Opens readers of one record."""

    def __init__(self, key: str, buffer: Buffer):
        self.key = key
        self.subscribe = buffer.subscribe
        self.subscribe_async = buffer.subscribe_async

    if TYPE_CHECKING:

        def subscribe(self) -> Reader:
            """A new reader; one for each task that reads.

            Cancel safety: it does not wait. IRQ safety: none.
            """

        async def subscribe_async(self) -> Reader:
            """A new reader, once the buffer has attached wherever it must; for others at once.

            Cancel safety: cancelled, no reader is attached. IRQ safety: none.
            """


class Record:
    """A key, its buffer, and the stages that work on it. Made by `AimDb.configure`; each call returns it again."""

    def __init__(self, key: str, stages: list, mistakes: list):
        self.key = key
        self.buffer: Any = None
        self.producer: Any = None
        self.consumer: Any = None
        self._stages = stages  # The database's: (kind, record, function) of all records, in order.
        self._mistakes = mistakes  # The database's: a sentence each.
        self._has_source = False

    def attach(self, buffer: Buffer) -> None:
        """Give the record its buffer. Raises `TypeError` for what is not a `Buffer`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not isinstance(buffer, Buffer):
            raise TypeError("record %r: a buffer is needed, such as SpmcRing(16), not %r" % (self.key, buffer))
        if self.buffer:
            self.mistake("has a buffer already; configure(%r) without one extends it" % self.key)
        elif buffer.key is not None:
            self.mistake("shares the buffer of record %r; each record needs its own" % buffer.key)
        else:
            buffer.key = self.key
            self.buffer = buffer
            self.producer = Producer(self.key, buffer)
            self.consumer = Consumer(self.key, buffer)

    def source(self, function) -> "Record":
        """Run `async def function(producer)` to produce this record's values; at most one. Returns the record.

        Raises `TypeError` for what is not a function. Cancel safety: it does not wait. IRQ safety: none.
        """
        self._add("source", function)
        if self._has_source:
            self.mistake("has a second source, %s; one task writes a record" % name_of(function))
        self._has_source = True
        return self

    def tap(self, function) -> "Record":
        """Run `async def function(consumer)` to consume this record's values; any number. Returns the record.

        Raises `TypeError` for what is not a function. Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._add("tap", function)

    def link_to(self, url: str, **options) -> "Record":
        """Send every value of this record to `url`; `options` are those of the package for its scheme.

        `mqtt://` and `mqtts://` need the package aimdb_mqtt. Mistakes are reported by `AimDb.run`. Returns the record.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._link("link_to", url, options)

    def link_from(self, url: str, **options) -> "Record":
        """Produce in this record what comes from `url`; `options` are those of the package for its scheme.

        Mistakes are reported by `AimDb.run`. Returns the record.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._link("link_from", url, options)

    def _link(self, direction, url, options):
        from .linking import stage_of  # Here, so that who has no links has none of it in RAM.

        stage = stage_of(self, direction, url, options)
        if stage:
            self._stages.append((direction, self, stage))
        return self

    def _add(self, kind, function):
        if not callable(function):
            raise TypeError(
                "record %r: a %s is an async function, not %r%s"
                % (self.key, kind, function, "; pass fn, not fn()" if hasattr(function, "send") else "")
            )
        self._stages.append((kind, self, function))
        return self

    def mistake(self, sentence: str) -> None:
        """Have `AimDb.run` report `sentence`, which goes on after "record 'key'".

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._mistakes.append("record %r %s" % (self.key, sentence))


def name_of(function) -> str:
    """The name that a stage goes by in messages.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return getattr(function, "__name__", None) or repr(function)
