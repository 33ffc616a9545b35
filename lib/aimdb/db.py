import asyncio
import sys

from micropython import const

from .buffer import Buffer

_EDITOR = const(0)  # For editors only: what is below it costs the board nothing.
if _EDITOR:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from .buffer import Reader
    from .sync_producer import SyncProducer


class Record:
    """A key, its buffer, and the stages that work on it. Made by `AimDb.configure`; each call returns it again.

    It is its own producer and its own consumer, and their calls are those of the buffer: nothing stands between.
    Pick `produce` when the newest value matters most and the loop must never wait, `try_produce` when the caller
    wants to react to a refusal itself, `produce_async` when the value must not be lost and the task can wait.
    """

    def __init__(self, key: str, db: "AimDb"):
        self.key = key
        self.db = db
        self.buffer: Any = None
        self._source: Any = None

    if _EDITOR:
        producer: "Record"
        consumer: "Record"
        push_async: Callable[[Any], Awaitable[None]]

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

        def subscribe(self) -> Reader:
            """A new reader; one for each task that reads.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            return self.buffer.subscribe()

        async def subscribe_async(self) -> Reader:
            """A new reader, once the buffer has attached wherever it must; for others at once.

            Cancel safety: cancelled, no reader is attached. IRQ safety: none.
            """
            return await self.buffer.subscribe_async()

    def produce_async(self, value: "Any", timeout_ms: "int | None" = None) -> "Awaitable[None]":
        """Await it: returns when the buffer is done with `value`, or raises what went wrong.

        For values that must arrive: *done* means in a slot for a queue in memory, on flash for a flash-backed one,
        acknowledged by the peer for a network-backed one. On buffers that overwrite it is done at once.
        Raises `BufferClosed`, `SelfDeadlock`, whatever else the buffer raises, and `asyncio.TimeoutError` when it
        is not done after `timeout_ms` milliseconds. When it raises, nothing was stored.

        Cancel safety: cancelled or timed out, it has stored nothing. IRQ safety: none.
        """
        if timeout_ms is None:
            return self.push_async(value)
        from .timing import timed

        return timed(self.push_async(value), timeout_ms)

    def source(self, function: "Callable") -> "Record":
        """Run `async def function(producer)` to produce this record's values; at most one. Returns the record.

        Raises `TypeError` for what is not a function. Cancel safety: it does not wait. IRQ safety: none.
        """
        self._add("source", function)
        if self._source:
            self.db.mistakes.append((self, "source", function, None))
        self._source = function
        return self

    def tap(self, function: "Callable") -> "Record":
        """Run `async def function(consumer)` to consume this record's values; any number. Returns the record.

        Raises `TypeError` for what is not a function. Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._add("tap", function)

    def _add(self, kind, function):
        if not callable(function):
            from .mistakes import error

            raise error(kind, self.key, function)
        self.db._stages.append((self, kind, function))
        return self

    def link_to(self, url: str, **options) -> "Record":
        """Send every value of this record to `url`; `options` are those of the package for its scheme.

        `mqtt://` and `mqtts://` need the package aimdb_mqtt. Mistakes are reported by `AimDb.run`. Returns the record.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        from .linking import link  # Here, so that who has no links has none of it in RAM.

        return link(self, "link_to", url, options)

    def link_from(self, url: str, **options) -> "Record":
        """Produce in this record what comes from `url`; `options` are those of the package for its scheme.

        Mistakes are reported by `AimDb.run`. Returns the record.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        from .linking import link

        return link(self, "link_from", url, options)


class AimDb:
    """Records, the stages that produce and consume their values, and the loop that runs them.

        db = AimDb()
        db.configure("temperature", SpmcRing(16)).source(read_sensor).tap(show)
        asyncio.run(db.run())

    IRQ safety: none; everything here is for the asyncio thread.
    """

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._stages: list = []  # (record, kind, function or buffer), in the order of configuring.
        self.mistakes: list = []  # (record, kind, what was refused, error).
        # What ended the last `run`: (record key, "source" or "tap", function name, error).
        self.failed: tuple | None = None

    def configure(self, key: str, buffer: "Buffer | None" = None) -> Record:
        """Declare record `key` with its `buffer`, or extend it when called again with the key alone.

        Returns the record, on which `.source(fn)` and `.tap(fn)` add stages. What is wrong with the records
        together is reported by `run`. Raises `TypeError` or `ValueError` for a key that is not a string or is
        empty, and `TypeError` for a buffer that is none.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not key or not isinstance(key, str) or buffer is not None and not isinstance(buffer, Buffer):
            from .mistakes import error

            raise error("buffer", key, buffer)
        record = self._records.get(key)
        if not record:
            record = self._records[key] = Record(key, self)
        if buffer is None:
            return record
        if record.buffer or buffer.key is not None:
            self.mistakes.append((record, "buffer", buffer, None))
            return record
        # From here on the record's calls are the buffer's own.
        buffer.key = key
        record.buffer = buffer
        record.producer = record.consumer = record
        record.produce = buffer.push
        record.try_produce = buffer.try_push
        record.push_async = buffer.push_async
        record.produce_async = record.produce_async  # The interpreter finds it ten times as fast.
        record.subscribe = buffer.subscribe
        record.subscribe_async = buffer.subscribe_async
        if hasattr(buffer, "run"):  # It keeps up something of its own, such as a connection.
            self._stages.append((record, "buffer", buffer))
        return record

    def producer(self, key: str) -> Record:
        """The record, to produce in it outside the wiring. Raises `RecordKeyNotFound`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        record = self._records.get(key)
        if not record or not record.buffer:
            from .mistakes import error

            raise error("producer", key, None)
        return record

    if _EDITOR:

        def consumer(self, key: str) -> Record:
            """The record, to consume it outside the wiring. Raises `RecordKeyNotFound`.

            Cancel safety: it does not wait. IRQ safety: none.
            """
            return self.producer(key)

    else:
        consumer = producer

    def sync_producer(self, key: str, depth: int = 16, format: "str | None" = None) -> "SyncProducer":
        """A new producer of the record for one interrupt handler, thread or other core; see `SyncProducer`.

        Up to `depth` values fit while the loop does not run. With a `format`, as `struct` has it, a
        `PackedProducer`: for interrupts that carry several fields.

        Raises `RecordKeyNotFound`, and `TypeError` or `ValueError` for a wrong depth or format.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        from .sync_producer import sync_producer

        return sync_producer(self.producer(key).buffer, depth, format)

    def produce_any(self, key: str, value: "Any") -> None:
        """`produce` by key, for routers and inbound connectors. Raises `RecordKeyNotFound`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self.producer(key).produce(value)

    def produce_any_async(self, key: str, value: "Any", timeout_ms: "int | None" = None) -> "Awaitable[None]":
        """`produce_async` by key; raises what it raises, and `RecordKeyNotFound`.

        Cancel safety: cancelled or timed out, it has stored nothing. IRQ safety: none.
        """
        return self.producer(key).produce_async(value, timeout_ms)

    async def run(self) -> None:
        """Run all stages in this loop until all have ended: what buffers `run`, links, taps and sources.

        Links start first, then taps, then sources, so a tap that subscribes first thing misses nothing. A stage that
        ends normally stops no other. When one dies of an exception, a line on `sys.stderr` names it with its record
        and `failed` keeps it; all other stages are cancelled and waited for; then `run` raises that exception.

        Raises `InvalidConfiguration` with every mistake made in configuring, before any stage has started.

        Cancel safety: cancelling `run` cancels all stages and waits for them. IRQ safety: none.
        """
        mistakes = list(self.mistakes)
        stages = []
        tasks = []
        self.failed = cause = None
        try:
            # In the order in which the tasks take their first step, which they do when all are made.
            for kind in ("buffer", "link_to", "link_from", "tap", "source"):
                for stage in self._stages:
                    record, each, function = stage
                    if each == kind:
                        try:
                            tasks.append(asyncio.create_task(function.run() if kind == "buffer" else function(record)))
                            stages.append(stage)
                        except TypeError as er:
                            mistakes.append((record, kind, function, er))
            for record in self._records.values():
                if not record.buffer:
                    mistakes.append((record, "buffer", None, None))
            if mistakes:
                from .mistakes import invalid

                raise invalid(mistakes)
            for record in self._records.values():
                for producer in record.buffer.sync_producers:
                    producer.start()  # Now, so that it comes after the taps.
            await asyncio.gather(*tasks)
        except Exception as er:
            cause = er
            raise
        finally:
            for task in tasks:
                task.cancel()
            for (record, kind, function), task in zip(stages, tasks):
                try:
                    await task
                except asyncio.CancelledError:
                    pass
                except Exception as er:
                    name = getattr(function, "__name__", type(function).__name__)
                    if er is cause:
                        self.failed = (record.key, kind, name, er)
                    print("aimdb: %s %s of record %r died: %r" % (kind, name, record.key, er), file=sys.stderr)
