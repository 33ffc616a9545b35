"""A record that is computed from another one. Loaded when the first transform is configured."""

from .buffer import Buffer
from .errors import BufferClosed, BufferEmpty, BufferLagged


async def _coroutine():
    pass


_COROUTINE = type(_coroutine())
_NOTHING = object()


class Transform:
    """What `Record.transform` runs.

    Cancel safety: a value that was computed and not stored is stored by the next run, and one for which there was too
    little memory is computed then; the input gives what can be committed once more. IRQ safety: none.
    """

    def __init__(self, key: str, fn, state):
        self.inputs = (key,)
        self.fn = fn
        self.state = state
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)
        self._taken = _NOTHING  # What is yet to be computed.
        self._computed = None  # What is yet to be stored.

    async def __call__(self, record):
        fn = self.fn
        state = self.state
        buffer = record.buffer
        # What `push_async` does, if the buffer does not override it, without heap.
        push = record.try_produce if type(buffer).push_async is Buffer.push_async else None
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
            # The reader gives their input once more.
            self._taken = _NOTHING
            self._computed = None
        try:
            while True:
                if self._computed is not None:
                    if push:
                        push(self._computed)
                    else:
                        await record.push_async(self._computed)
                    self._computed = None
                    if commit:
                        commit()
                value = self._taken
                if value is _NOTHING:
                    await reader.ready()
                    try:
                        self._taken = value = reader.try_recv()
                    except (BufferLagged, BufferEmpty):
                        continue
                    except BufferClosed:
                        return buffer.close()
                try:
                    value = fn(value) if state is None else fn(value, state)
                    if type(value) is _COROUTINE and value is not self._taken:
                        raise TypeError("a transform is a function without async, not %r" % (fn,))
                except (MemoryError, KeyboardInterrupt):
                    raise  # The next run computes it.
                except BaseException:
                    self._taken = _NOTHING
                    raise
                self._computed = value
                self._taken = _NOTHING
                if commit and value is None:
                    commit()
        except BufferClosed as er:
            if not buffer.closed:
                raise
            record.produce(er.value)  # It is dropped, and counted.
            self._computed = None
        finally:
            if buffer.close is end:  # Else a later run's.
                del buffer.close
            reader.close()
