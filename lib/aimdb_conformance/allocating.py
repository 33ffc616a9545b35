"""That the calls of a sensor loop need no heap: they are made with the heap locked."""

import asyncio

from aimdb import BufferEmpty, BufferFull
from micropython import heap_lock, heap_unlock

from .support import Suite, settle


class NoHeap(Suite):
    def test_push_and_try_push_need_no_heap(self):
        buffer = self.make()
        push = buffer.push
        try_push = buffer.try_push
        push(0)
        refused = 0
        heap_lock()
        try:
            for i in range(10):
                push(i)
                try:
                    try_push(i)
                except BufferFull:
                    refused += 1
        finally:
            heap_unlock()

    async def test_ready_and_try_recv_need_no_heap(self):
        buffer = self.make()
        reader = buffer.subscribe()
        push = buffer.push
        received = [None] * 8

        async def read():
            for i in range(8):
                await reader.ready()
                received[i] = reader.try_recv()

        task = asyncio.create_task(read())
        await settle()
        push(0)
        await settle()
        heap_lock()
        try:
            for i in range(1, 8):
                push(i)
                await asyncio.sleep_ms(0)
                await asyncio.sleep_ms(0)
        finally:
            heap_unlock()
        await task
        assert received == [0, 1, 2, 3, 4, 5, 6, 7]

    def test_try_recv_needs_no_heap(self):
        buffer = self.make()
        reader = buffer.subscribe()
        empty = 0
        heap_lock()
        try:
            for i in range(4):
                buffer.push(i)
                reader.try_recv()
                try:
                    reader.try_recv()
                except BufferEmpty:
                    empty += 1
        finally:
            heap_unlock()
        assert empty == 4
