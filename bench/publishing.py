"""Messages per second, and bytes of heap per message, to an MQTT broker; bench_mqtt.py calls it on the board.

The floor is what nobody can do without: one task, a socket that blocks, and packets that were made before.
"""

import asyncio
import gc
import socket
import time

from aimdb import AimDb, BoundedQueue
from aimdb_mqtt import Broker, MqttTopic

COUNT = 100


def run(host, port):
    """Measure everything and print a line for each: name, messages per second, bytes per message."""
    for qos in (0, 1):
        blocking(host, port, qos)
    Broker("mqtt://%s:%d" % (host, port), client_id="bench")
    url = "mqtt://%s:%d/bench" % (host, port)
    for qos in (0, 1):
        asyncio.run(producing(url, qos))
        asyncio.run(linking(url, qos))


def report(name, began, before):
    used = gc.mem_alloc() - before
    took = time.ticks_diff(time.ticks_us(), began)
    print("RESULT %s: %.0f, %.0f" % (name, COUNT * 1000000 / took, used / COUNT))


def started():
    gc.collect()
    return time.ticks_us(), gc.mem_alloc()


def blocking(host, port, qos):
    connection = socket.socket()
    connection.connect(socket.getaddrinfo(host, port)[0][-1])
    connection.setsockopt(6, 1, 1)
    connection.write(b"\x10\x11\0\x04MQTT\x04\x02\0\x3c\0\x05floor")
    connection.read(4)
    packet = b"\x32\x0b\0\x05bench\0\x011" + b"0" if qos else b"\x30\x08\0\x05bench1"
    answer = bytearray(4)
    began, before = started()
    for _ in range(COUNT):
        connection.write(packet)
        if qos:
            connection.readinto(answer)
    report("blocking socket, QoS %d" % qos, began, before)
    connection.close()


async def producing(url, qos):
    topic = MqttTopic(url, qos=qos)
    db = AimDb()
    db.configure("bench", topic)
    task = asyncio.create_task(db.run())
    await topic.push_async(0)
    began, before = started()
    for value in range(COUNT):
        await topic.push_async(value)
    report("produce_async, one at a time, QoS %d" % qos, began, before)
    topic.close()
    await task


async def linking(url, qos):
    queue = BoundedQueue(8)
    db = AimDb()
    db.configure("bench", queue).link_to(url, qos=qos)
    window = MqttTopic(url).broker.window
    task = asyncio.create_task(db.run())
    await queue.push_async(0)
    while queue.held():
        await asyncio.sleep_ms(10)
    began, before = started()
    for value in range(COUNT):
        await queue.push_async(value)
    while queue.held() or window.flights:
        await asyncio.sleep_ms(0)
    report("BoundedQueue linked to a topic, QoS %d" % qos, began, before)
    queue.close()
    await task
