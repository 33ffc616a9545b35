"""Frames of AimX on TCP and on serial lines: byte by byte, cut anywhere, too long, garbage."""

import asyncio
import io
import random

import aimdb_aimx.serial_frames as serial_frames
import aimdb_aimx.tcp as tcp
from harness import equal, raises, target

ROUNDS = 60 if target == "unix" else 1
PING = b'{"t":"ping"}'


class Wire(io.IOBase):
    """A stream that takes and gives pieces of random sizes, and sometimes nothing."""

    def __init__(self, data=b"", most=90):
        self.data = bytearray(data)
        self.most = most

    def ioctl(self, request, flags):
        return flags  # It is ready, whatever it is asked for.

    def readinto(self, view):
        if random.randint(0, 2) == 0:
            return None
        count = min(len(view), len(self.data), random.randint(1, self.most))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count

    def write(self, data):
        if random.randint(0, 4) == 0:
            return None
        count = min(len(data), random.randint(1, self.most))
        self.data.extend(data[:count])
        return count


async def sent(module, *messages, most=90):
    """The bytes that `Frames` makes of these messages, each of them a list of pieces."""
    wire = Wire(most=most)
    frames = module.Frames(wire, 16)
    for pieces in messages:
        await frames.send(pieces)
    data = bytes(wire.data)
    if module is serial_frames:
        equal(data[0], 0)  # It ends what may be on the line of a frame that another peer was sent.
        data = data[1:]
    return data


def received(module, data, size, most=90):
    """What `Frames` cuts out of the data, and how many were none."""
    wire = Wire(data, most)
    frames = module.Frames(wire, size)
    found = []
    while wire.data:
        frames.fill()
        frame = frames.next()
        while frame is not None:
            found.append(bytes(frame))
            frame = frames.next()
    return found, frames.lost


def message(size):
    """Bytes, among them some that would be lengths of blocks; there are no zeros, as in JSON."""
    return bytes([random.choice((1, 65, 254, 255)) if random.randint(0, 9) == 0 else 66 for _ in range(size)])


def pieces_of(data):
    pieces = []
    while data:
        count = random.randint(0, 300)
        pieces.append(data[:count])
        data = data[count:]
    return pieces


SIZES = (0, 1, 2, 12, 251, 252, 253, 254, 255, 256, 257, 507, 508, 509, 510, 600)


async def test_a_ping_is_the_bytes_that_the_protocol_shows():
    equal(await sent(tcp, (PING,)), b"\0\0\0\x0c" + PING)
    equal(await sent(serial_frames, (PING,)), b"\x0d" + PING + b"\0")


async def test_frames_of_all_sizes_come_back_however_they_are_cut():
    for seed in range(ROUNDS):
        random.seed(seed)
        for frames in (tcp, serial_frames):
            messages = [message(random.choice(SIZES)) for _ in range(6)]
            most = random.choice((1, 7, 90, 300))
            data = await sent(frames, *[pieces_of(each) for each in messages], most=most)
            found, _ = received(frames, data, 600, most)
            equal(found, messages)


async def test_no_zero_stands_in_a_serial_frame_but_at_its_end():
    random.seed(1)
    for size in SIZES:
        for data in (message(size), b"\x42" * size):
            encoded = await sent(serial_frames, pieces_of(data))
            equal(encoded.find(b"\0"), len(encoded) - 1)


async def test_cobs_of_254_bytes_is_one_block():
    data = b"x" * 254
    equal(await sent(serial_frames, (data,)), b"\xff" + data + b"\0")
    # Other encoders put an empty block after it.
    equal(received(serial_frames, b"\xff" + data + b"\x01\0", 254)[0], [data])
    equal(received(serial_frames, b"\xff" + data + b"\0", 254)[0], [data])


async def test_a_frame_as_long_as_allowed_passes():
    for frames in (tcp, serial_frames):
        for size in (16, 254, 300, 508):
            data = b"y" * size
            equal(received(frames, await sent(frames, (data,), (PING,)), size)[0], [data, PING])


def test_a_longer_one_ends_tcp_by_its_first_four_bytes():
    with raises(ValueError) as caught:
        received(tcp, b"\0\0\1\1", 256)
    assert "257" in str(caught.error) and "256" in str(caught.error)


async def test_a_longer_one_is_skipped_on_serial_and_the_next_arrives():
    random.seed(2)
    for size in (300, 1000):
        data = await sent(serial_frames, (b"z" * size,), (PING,))
        equal(received(serial_frames, data, 256), ([PING], 1))


async def test_garbage_on_serial_is_counted_and_ends_nothing():
    data = (
        b"\0\0\0"
        + b"\x09abc\0"
        + await sent(serial_frames, (PING,))
        + b"printed text\r\n\0"
        + await sent(serial_frames, (PING,))
    )
    equal(received(serial_frames, data, 256), ([PING, PING], 2))


async def test_a_frame_of_any_length_is_found_behind_a_part_of_one_of_any_length_that_was_left():
    part = b'{"t":"req","id":1,"m'
    for size in range(11, 120):
        frame = b'{"t":"' + b"x" * (size - 11) + b'":1}'
        for length in (60, len(part) + 2 + size):  # The second one fits what has come.
            data = bytes((length,)) + part + await sent(serial_frames, (frame,))
            equal(received(serial_frames, data, 256), ([frame], 1))


async def test_a_frame_is_found_behind_noise_of_any_length():
    frame = b'{"t":"req","id":1,"method":"graph.nodes"}'
    for size in range(1, 600):
        data = b"\7" * size + await sent(serial_frames, (frame,))
        equal(received(serial_frames, data, 256), ([frame], 1))


async def test_an_object_inside_a_frame_of_any_length_is_none():
    for size in range(8, 120):
        inner = b'{"t":"' + b"x" * (size - 9) + b'"}'
        for before in (b":", b",", b"[", b" ", b"\t", b"\n", b"\r"):
            frame = b'{"t":1,"y":0' + before + inner + b"}"
            equal(received(serial_frames, await sent(serial_frames, (frame,)), 256), ([frame], 0))


async def test_random_bytes_on_serial_give_frames_within_the_limit_and_then_a_good_one():
    for seed in range(ROUNDS):
        random.seed(seed)
        data = bytes([random.randint(0, 255) if random.randint(0, 3) else 0 for _ in range(700)])
        found, _ = received(serial_frames, data + b"\0" + await sent(serial_frames, (PING,)), 64)
        equal(found[-1], PING)
        assert all(len(frame) <= 65 for frame in found)


class Changing:
    """Pieces that are fewer bytes the second time."""

    def __init__(self):
        self.size = 20

    def __iter__(self):
        self.size -= 5
        return iter((b"x" * self.size,))


async def test_pieces_that_change_while_they_are_sent_are_told():
    with raises(ValueError):
        await sent(tcp, Changing())


async def test_a_peer_that_takes_nothing_is_seen():
    class Stuck(io.IOBase):
        def write(self, data):
            return None

        def ioctl(self, request, flags):
            return 0

    for module in (tcp, serial_frames):
        frames = module.Frames(Stuck(), 16)
        equal(frames.stuck_since, None)
        task = asyncio.create_task(frames.send((PING,)))
        await asyncio.sleep_ms(1)
        assert frames.stuck_since is not None
        task.cancel()
