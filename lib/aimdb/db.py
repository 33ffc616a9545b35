import asyncio
import sys
from collections import OrderedDict

from micropython import const

from .errors import InvalidConfiguration, RecordKeyNotFound
from .record import Record, name_of

TYPE_CHECKING = const(0)  # For editors only: what is below it costs the board nothing.
if TYPE_CHECKING:
    from typing import Any

    from .buffer import Buffer
    from .record import Consumer, Producer
    from .sync_producer import SyncProducer


class AimDb:
    """Records, the stages that produce and consume their values, and the loop that runs them.

        db = AimDb()
        db.configure("temperature", SpmcRing(16)).source(read_sensor).tap(show)
        asyncio.run(db.run())

    IRQ safety: none; everything here is for the asyncio thread.
    """

    def __init__(self):
        self._records = OrderedDict()
        self._stages = []  # (kind, record, function), in the order of configuring.
        self._mistakes = []
        self.failed = None  # What ended the last `run`: (record key, "source" or "tap", function name, error).

    def configure(self, key: str, buffer: "Buffer | None" = None) -> Record:
        """Declare record `key` with its `buffer`, or extend it when called again with the key alone.

        Returns the record, on which `.source(fn)` and `.tap(fn)` add stages. What is wrong with the records
        together is reported by `run`. Raises `TypeError` or `ValueError` for a key that is not a string or is
        empty, and `TypeError` for a buffer that is none.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        if not isinstance(key, str):
            raise TypeError("a record's key is a string, not %r" % (key,))
        if not key:
            raise ValueError("a record's key must not be empty")
        record = self._records.get(key)
        if not record:
            record = self._records[key] = Record(key, self._stages, self._mistakes)
        if buffer is not None:
            record.attach(buffer)
        return record

    def _record(self, key):
        record = self._records.get(key)
        if not record or not record.buffer:
            raise RecordKeyNotFound("no record %r has a buffer" % (key,))
        return record

    def producer(self, key: str) -> "Producer":
        """The record's producer, for code outside the wiring. Raises `RecordKeyNotFound`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._record(key).producer

    def consumer(self, key: str) -> "Consumer":
        """The record's consumer, for code outside the wiring. Raises `RecordKeyNotFound`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return self._record(key).consumer

    def sync_producer(self, key: str, depth: int = 16, format: "str | None" = None) -> "SyncProducer":
        """A new producer of the record for one interrupt handler, thread or other core; see `SyncProducer`.

        Up to `depth` values fit while the loop does not run. With a `format`, as `struct` has it, a
        `PackedProducer`: for interrupts that carry several fields.

        Raises `RecordKeyNotFound`, and `TypeError` or `ValueError` for a wrong depth or format.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        buffer = self._record(key).buffer
        if format is None:
            from .sync_producer import SyncProducer

            return SyncProducer(buffer, depth)
        from .packed_producer import PackedProducer

        return PackedProducer(buffer, depth, format)

    def produce_any(self, key: str, value: "Any") -> None:
        """`produce` by key, for routers and inbound connectors. Raises `RecordKeyNotFound`.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        self._record(key).producer.produce(value)

    async def produce_any_async(self, key: str, value: "Any", timeout_ms: "int | None" = None) -> None:
        """`produce_async` by key; raises what it raises, and `RecordKeyNotFound`.

        Cancel safety: cancelled or timed out, it has stored nothing. IRQ safety: none.
        """
        await self._record(key).producer.produce_async(value, timeout_ms)

    async def run(self) -> None:
        """Run all stages in this loop until all have ended.

        Taps start before sources, so a tap that subscribes first thing misses nothing. A stage that ends normally
        stops no other. When one dies of an exception, a line on `sys.stderr` names it with its record and `failed`
        keeps it; all other stages are cancelled and waited for; then `run` raises that exception.

        Raises `InvalidConfiguration` with every mistake made in configuring, before any stage has started.

        Cancel safety: cancelling `run` cancels all stages and waits for them. IRQ safety: none.
        """
        stages = self._started()
        tasks = [asyncio.create_task(coroutine) for _, _, _, coroutine in stages]
        for record in self._records.values():
            for producer in record.buffer.sync_producers:
                producer.start()  # Now, so that it comes after the taps.
        self.failed = cause = None
        try:
            await asyncio.gather(*tasks)
        except Exception as er:
            cause = er
            raise
        finally:
            for task in tasks:
                task.cancel()
            for i in range(len(tasks)):
                try:
                    await tasks[i]
                except asyncio.CancelledError:
                    pass
                except Exception as er:
                    key, kind, name, _ = stages[i]
                    if er is cause:
                        self.failed = (key, kind, name, er)
                    print("aimdb: %s %s of record %r died: %r" % (kind, name, key, er), file=sys.stderr)

    def _started(self):
        # Every stage as (key, kind, name, coroutine), taps first. A coroutine made here has not run yet.
        mistakes = list(self._mistakes)
        for record in self._records.values():
            if not record.buffer:
                mistakes.append(
                    "record %r has no buffer; configure(%r, buffer) gives it one" % (record.key, record.key)
                )
        stages = []
        for first in ("tap", "source"):
            for kind, record, function in self._stages:
                if kind == first and record.buffer:
                    name = name_of(function)
                    try:
                        coroutine = function(record.consumer if kind == "tap" else record.producer)
                    except TypeError as er:
                        coroutine = er
                    if hasattr(coroutine, "send"):
                        stages.append((record.key, kind, name, coroutine))
                    else:
                        mistakes.append(
                            "record %r: %s %s is not an async function of one argument (%r)"
                            % (record.key, kind, name, coroutine)
                        )
        if mistakes:
            raise InvalidConfiguration(mistakes)
        return stages
