"""What needs no broker: URLs, topics, payloads, and packets however the network cuts them."""

import random

from aimdb_conformance.support import raises
from aimdb_mqtt import BytesCodec, ConnectionLost
from aimdb_mqtt.arguments import check_topic, text
from aimdb_mqtt.arriving import matches
from aimdb_mqtt.packets import Receiver, number, packet
from aimdb_mqtt.settings import connect_packet
from aimdb_mqtt.settings import parts_of as parse
from aimdb_net.window import payload_of
from harness import equal, only, target

ROUNDS = 1000 if target == "unix" else 10
SIZE = 64  # Of the receiver's buffer.


class Pieces:
    """A stream that gives what is in `data` in pieces of random sizes, and nothing in between."""

    def __init__(self, data):
        self.data = data

    def readinto(self, view):
        if random.randint(0, 2) == 0:
            return None
        count = min(len(view), len(self.data), random.randint(1, 90))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


def test_packets_arrive_whole_and_in_order_however_they_are_cut():
    for seed in range(ROUNDS):
        random.seed(seed)
        sizes = [random.choice((0, 1, 30, 59, 60, 61, 62, 130, 200)) for _ in range(12)]
        sent = [packet(0x30, text(b"n"), bytes([n]) * size) for n, size in enumerate(sizes)]
        stream = Pieces(b"".join(sent))
        receiver = Receiver(SIZE)
        n = 0
        while n < len(sizes):
            receiver.fill(stream)
            while receiver.next():
                body = bytes(receiver.body)
                size = sizes[n]
                equal(receiver.whole, len(sent[n]) <= SIZE)
                equal(body[:3], b"\0\1n")
                equal(body[3:], bytes([n]) * (size if receiver.whole else len(body) - 3))
                n += 1
        # The rest of the last one may be still to be skipped; then nothing is left over.
        while stream.data:
            receiver.fill(stream)
            equal(receiver.next(), 0)


def test_the_packet_id_is_found_behind_a_topic_of_any_length_however_the_packet_is_cut():
    for seed in range(ROUNDS):
        random.seed(seed)
        size = random.choice((16, 64))
        lengths = [(random.randint(1, 3 * size), random.randint(0, 2 * size)) for _ in range(12)]
        sent = [packet(0x32, text("t" * lengths[n][0]), number(n + 1), bytes(lengths[n][1])) for n in range(12)]
        stream = Pieces(b"".join(sent))
        receiver = Receiver(size)
        n = 0
        while n < 12:
            receiver.fill(stream)
            while receiver.next():
                body = bytes(receiver.body)
                length = body[1]
                equal(receiver.whole, len(sent[n]) <= size)
                equal(body[2 : 2 + length], b"t" * length if length == lengths[n][0] else b"?")
                equal(body[2 + length : 4 + length], number(n + 1))
                n += 1
        while stream.data:
            receiver.fill(stream)
            equal(receiver.next(), 0)


def test_what_is_no_packet_is_told():
    for rubbish in (b"\0\0", b"\x30\x80\x80\x80\x80\x01", b"\x32\x50\xff\xff" + bytes(SIZE - 4)):
        receiver = Receiver(SIZE)
        stream = Pieces(rubbish)
        while stream.data:
            receiver.fill(stream)
        raises(ConnectionLost, receiver.next)


def test_lengths_of_packets_take_one_to_four_bytes():
    for size, header in ((0, b"\x30\x03"), (124, b"\x30\x7f"), (125, b"\x30\x80\x01"), (16381, b"\x30\x80\x80\x01")):
        equal(bytes(packet(0x30, text(b"n"), bytes(size))[: len(header)]), header)


def test_packets_are_as_the_standard_has_them():
    equal(bytes(packet(0x33, text(b"a/b"), number(10), b"x")), b"\x33\x08\0\x03a/b\0\nx")
    equal(bytes(packet(0x82, number(10), text(b"a/b"), b"\1")), b"\x82\x08\0\n\0\x03a/b\1")
    equal(bytes(connect_packet("id", True, 60, None, None, None)), b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02id")


def test_urls():
    equal(parse("mqtt://broker"), ("mqtt://broker:1883", False, "broker", 1883, None, None, ""))
    equal(
        parse("mqtts://us%65r:p%40ss:word@10.0.0.1:99/a/b?c#d")[1:],
        (True, "10.0.0.1", 99, "user", "p@ss:word", "a/b?c#d"),
    )
    equal(parse("mqtt://[::1]:99/a")[2:4], ("::1", 99))
    equal(parse("mqtt://[::1]")[2:4], ("::1", 1883))
    equal(parse(parse("mqtt://[::1]")[0])[0], "mqtt://[::1]:1883")
    for wrong in (
        "",
        "broker",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://b:0",
        "mqtt://b:65536",
        "mqtt://b:x",
    ):
        raises(ValueError, parse, wrong)
    raises(TypeError, parse, None)


@only("unix", reason="needs a topic of 64 KB")
def test_wildcards():
    for topic_filter, topic, expected in (
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("#", "a/b", True),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("a/+/c", "a//c", True),
    ):
        equal(
            (topic_filter, topic, matches(topic_filter.split("/"), topic.split("/"))), (topic_filter, topic, expected)
        )
    for wrong in ("", "a\0", "a+", "a/#/b", "#a", "x" * 65536):
        raises(ValueError, check_topic, wrong, 1, True)
    raises(ValueError, check_topic, "a/+")


def test_a_payload_is_bytes_or_a_string_that_a_codec_makes():
    equal(payload_of(BytesCodec(), "ü"), b"\xc3\xbc")
    raises(TypeError, payload_of, BytesCodec(), 5)
