"""A record that is computed from another one. Loaded when the first transform is configured."""

from asyncio import TimeoutError

from .buffer import Buffer
from .errors import BufferClosed, BufferEmpty, BufferLagged, DbError


async def _coroutine():
    pass


_COROUTINE = type(_coroutine())
_NOTHING = object()
_NO_VALUE = (BufferLagged, BufferEmpty)  # Made here, because an `except` that makes it needs heap.
_FOR_THE_NEXT_RUN = (MemoryError, KeyboardInterrupt)  # With them, a function has computed nothing.
_FOR_NOW = (DbError, OSError, TimeoutError, MemoryError)  # What a record raises for a value that it may take later.


class Hand:
    """What a transform has in hand. The buffer that it writes has it, for the next run."""

    def __init__(self):
        self.taken = _NOTHING  # What is yet to be computed.
        self.computed = None  # What is yet to be stored.


class Transform:
    """What `Record.transform` runs.

    Cancel safety: a value that was computed and not stored is stored by the next run, also if that is of another
    database with the same buffer, unless the buffer has refused it for good (it raised, say, `ValueError`). One for
    which there was too little memory is computed then; the input gives what can be committed once more. A value at
    which the function fails ends the run, and is not tried again. IRQ safety: none.
    """

    def __init__(self, key: str, fn, state):
        self.inputs = (key,)
        self.fn = fn
        self.state = state
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)

    async def __call__(self, record):
        fn = self.fn
        state = self.state
        buffer = record.buffer
        inherits = type(buffer).push_async is Buffer.push_async and "push_async" not in buffer.__dict__
        push = record.try_produce if inherits else None  # It does the same there, without heap.
        hand = getattr(buffer, "in_hand", None)
        if hand is None:
            hand = buffer.in_hand = Hand()
        reader = await record.db.consumer(self.inputs[0]).subscribe_async()
        commit = getattr(reader, "commit", None)
        close = type(buffer).close

        def end():
            reader.close()  # Wakes this task. When it raises, nothing has changed.
            close(buffer)

        if buffer.closed:
            reader.close()
        buffer.close = end  # So that a record which is closed ends this task at once.
        if commit:
            # The reader gives once more what was in hand.
            hand.taken = _NOTHING
            hand.computed = None
        try:
            while True:
                if hand.computed is not None:
                    # No jump between storing it and taking it out of hand: else Ctrl-C would have it stored again.
                    if push:
                        push(hand.computed)
                        hand.computed = None
                    else:
                        await record.push_async(hand.computed)
                        hand.computed = None
                    if commit:
                        commit()
                taken = hand.taken
                if taken is _NOTHING:
                    await reader.ready()
                    try:
                        hand.taken = taken = reader.try_recv()
                    except _NO_VALUE:
                        continue
                    except BufferClosed:
                        return buffer.close()
                try:
                    # No jump either between computing the value and noting that it has been taken.
                    if state is None:
                        hand.computed = value = fn(taken)
                        hand.taken = _NOTHING
                    else:
                        hand.computed = value = fn(taken, state)
                        hand.taken = _NOTHING
                    if type(value) is _COROUTINE and value is not taken:
                        hand.computed = None
                        raise TypeError("a transform is a function without async, not %r" % (fn,))
                except _FOR_THE_NEXT_RUN:
                    raise
                except BaseException:
                    hand.taken = _NOTHING
                    if commit:
                        commit()  # Else it would end each run from now on.
                    raise
                if commit and value is None:
                    commit()
        except BufferClosed:
            if not buffer.closed:
                raise
            if hand.computed is not None:
                record.produce(hand.computed)  # It is dropped, and counted.
                hand.computed = None
        except Exception as er:
            if hand.computed is not None and not isinstance(er, _FOR_NOW):
                hand.computed = None
                if commit:
                    commit()
            raise
        finally:
            if buffer.close is end:  # Else a later run's.
                del buffer.close
            reader.close()
