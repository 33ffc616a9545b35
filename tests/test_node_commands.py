"""Commands are checked before they are obeyed, wherever they come from."""

import asyncio
import io
import random

from aimdb import Mailbox, SpmcRing
from aimdb_node import Commands, Refused, console, one_of, whole
from harness import equal, only, raises
from printing import Unspeakable
from scarce import Scarce


def commands(**options):
    made = Commands(**options)
    made.add("interval", lambda ms: "one value every %d ms" % ms, whole("MS", 1, 3600000))
    made.add("led", lambda state: None, one_of("on", "off"))
    return made


def test_a_command_is_obeyed_as_text_as_bytes_and_as_json():
    for line in ("interval 50", b"interval 50\n", bytearray(b"  interval   50 "), b'"interval 50"'):
        equal(commands().obey(line), "one value every 50 ms")


def test_a_command_that_returns_nothing_is_done():
    equal(commands().obey("led on"), "done")


def test_what_could_never_be_obeyed_is_refused_when_it_is_added():
    for given in (("led", None), ("led", print, 5), ("led on", print), ("", print), (5, print)):
        with raises(TypeError) as caught:
            Commands().add(*given)
        equal(str(caught.error), "a command is a word and functions without async, not %r" % (given,))


def test_an_async_command_which_would_never_run_is_refused_when_it_is_added():
    async def save(*values):
        pass

    for functions in ((save,), (print, save)):
        with raises(TypeError) as caught:
            Commands().add("save", *functions)
        assert "a command is a word and functions without async" in str(caught.error), caught.error


def test_an_async_method_is_told_when_it_is_called():
    class Node:
        async def save(self):
            pass

    made = commands()
    made.add("save", Node().save)
    answer = made.obey("save")
    assert "command 'save' is async, and has not run" in answer, answer
    equal(made.failed_count, 1)


def test_what_is_no_word_is_refused_when_it_is_given():
    for wrong in ((["on", "off"],), (), ("on", 5), (b"on",)):
        with raises(TypeError) as caught:
            one_of(*wrong)
        equal(str(caught.error), "one_of is given words, not %r" % (wrong,))


def test_a_range_of_what_are_no_whole_numbers_is_told_when_it_is_given():
    for least, most in (("1", 5), (1, 5.0), (None, 5), (1, True)):
        with raises(TypeError) as caught:
            whole("MS", least, most)
        equal(str(caught.error), "MS is a whole number from an int to an int, not from %r to %r" % (least, most))
    with raises(ValueError) as caught:
        whole("MS", 5, 1)
    equal(str(caught.error), "MS is never a whole number from 5 to 1")
    equal(whole("MS", -(2**70), 2**70)("-5"), -5)


def test_the_length_of_a_line_is_checked_when_it_is_given():
    for kind, wrong in ((ValueError, 0), (ValueError, 2**64), (TypeError, "80"), (TypeError, 0.5)):
        with raises(kind) as caught:
            Commands(wrong)
        assert str(caught.error).startswith("longest is an int from 1 to "), caught.error


def test_what_is_to_pass_and_is_no_error_is_told_when_it_is_given():
    for wrong in (5, None, "KeyError", [KeyError], (KeyError, 5), KeyError()):
        with raises(TypeError) as caught:
            Commands(passed=wrong)
        equal(str(caught.error), "passed is a tuple of kinds of errors, not %r" % (wrong,))


def test_what_no_command_expects_is_refused_in_words():
    there_are = "; there are: interval, led"
    for line, answer in (
        (5, "a command is a line of text, not 5"),
        (None, "a command is a line of text, not None"),
        ({"interval": 50}, "a command is a line of text, not {'interval': 50}"),
        (b"5", "there is no command '5'" + there_are),
        (b"null", "there is no command 'null'" + there_are),
        (b"\xc3", "that is no text: b'\\xc3'"),
        (b'"interval', "that is no text: b'\"interval'"),
        ("", "an empty line" + there_are),
        ("interval", "interval takes 1 value, not 0"),
        ("interval 1 2", "interval takes 1 value, not 2"),
        ("interval 9999999999", "MS is a whole number from 1 to 3600000, not '9999999999'"),
        ("interval 0", "MS is a whole number from 1 to 3600000, not '0'"),
        ("interval 5.0", "MS is a whole number from 1 to 3600000, not '5.0'"),
        ("led blue", "one of on, off, not 'blue'"),
        ("x" * 81, "a line has at most 80 bytes"),
    ):
        equal(commands().obey(line), "refused: " + answer)


def test_refused_lines_are_counted():
    made = commands()
    made.obey("led blue")
    made.obey("led on")
    equal((made.refused_count, made.failed_count), (1, 0))


def test_an_error_in_a_command_is_its_answer():
    made = commands()
    made.add("divide", lambda: 1 // 0)
    assert made.obey("divide").startswith("failed: ZeroDivisionError("), made.obey("divide")
    equal(made.failed_count, 1)


def test_an_error_that_cannot_be_shown_is_an_answer_too():
    def fail():
        raise Unspeakable

    commands = Commands()
    commands.add("fail", fail)
    equal((commands.obey("fail"), commands.failed_count), ("failed", 1))


def test_an_answer_that_cannot_be_shown_ends_nothing():
    class Answer:
        def __str__(self):
            raise MemoryError

    class Bad(Refused):
        def __str__(self):
            raise MemoryError

    def refuse():
        raise Bad

    commands = Commands()
    commands.add("answer", Answer)
    commands.add("refuse", refuse)
    assert commands.obey("answer").startswith("failed: MemoryError"), commands.obey("answer")
    equal((commands.obey("refuse"), commands.refused_count), ("refused", 1))


def test_an_error_that_is_to_pass_does():
    for passed in ((KeyError,), KeyError):
        made = commands(passed=passed)
        made.add("restart", lambda: {}["restart"])
        with raises(KeyError):
            made.obey("restart")


def test_a_command_may_refuse():
    def refuse():
        raise Refused("not now")

    made = commands()
    made.add("save", refuse)
    equal(made.obey("save"), "refused: not now")


def test_ten_thousand_random_lines_are_obeyed_or_refused():
    made = commands()
    random.seed(16)
    pieces = (
        b"interval",
        b"led",
        b"on",
        b" ",
        b"50",
        b'"',
        b"\\",
        b"\xc3",
        b"\xff\x00",
        b"{",
        b"null",
        b"-1",
        b"%s",
        b"\n",
    )
    for _ in range(10000):
        line = b"".join(random.choice(pieces) for _ in range(random.randrange(6)))
        answer = made.obey(line)
        assert answer == "done" or answer.startswith(("refused: ", "one value every ")), (line, answer)


# The console


class Typed(io.IOBase):
    """A console on which all of `data` was typed; then it ends."""

    def __init__(self, data):
        self.data = data

    def read(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def readinto(self, buffer):
        taken = self.read(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def ioctl(self, request, argument):
        return argument if request == 3 else 0  # Always ready.


async def lines(data, **options):
    buffer = SpmcRing(8)
    reader = buffer.subscribe()
    await console(stream=Typed(data), **options)(Produced(buffer))
    found = []
    while reader.has_value():
        found.append(reader.try_recv())
    return found


class Produced:
    def __init__(self, buffer):
        self.produce = buffer.push


async def test_each_line_that_is_typed_is_a_value():
    equal(await lines(b"status\r\nled on\nled"), [b"status", b"led on"])


async def test_bytes_that_are_no_text_come_as_they_are():
    equal(await lines(b"\xc3\n\xff\xfe\x00\n"), [b"\xc3", b"\xff\xfe\x00"])


async def test_a_line_without_end_takes_no_more_memory_than_a_long_one():
    equal(await lines(b"x" * 5000 + b"\nstatus\n", longest=80), [b"x" * 81, b"status"])


def test_a_console_whose_lines_have_no_length_is_told():
    for kind, longest in ((ValueError, 0), (ValueError, -1), (TypeError, "80"), (TypeError, None)):
        with raises(kind):
            console(longest)


def test_a_console_of_what_cannot_be_read_is_told():
    for wrong in (0, 5, "", "/dev/tty", []):
        with raises(TypeError) as caught:
            console(stream=wrong)
        equal(str(caught.error), "the stream of a console has a readinto, not %r" % (wrong,))


def test_a_console_that_would_end_the_loop_is_told():
    class Deaf:
        def readinto(self, view):
            pass

    with raises(TypeError) as caught:
        console(stream=Deaf())
    assert str(caught.error).startswith("stream is a stream that select.poll takes"), caught.error


async def test_empty_lines_are_none():
    equal(await lines(b"\r\n\n\r\n"), [])


@only("unix", reason="a collection takes long on a board")
async def test_a_console_for_which_there_is_no_heap_goes_on_when_there_is():
    for blocks in range(16):
        stream = Typed(b"led on\n" * 3)
        buffer = SpmcRing(8)
        reader = buffer.subscribe()
        task = asyncio.create_task(console(stream=stream)(Produced(buffer)))
        await asyncio.sleep_ms(0)
        with Scarce(blocks):
            for _ in range(12):
                await asyncio.sleep_ms(0)
        await task
        equal([reader.try_recv() for _ in range(3)], [b"led on"] * 3)


async def test_what_is_typed_and_sent_meets_in_one_record():
    mailbox = Mailbox()
    await console(stream=Typed(b"led on\n"))(Produced(mailbox))
    equal(commands().obey(await asyncio.wait_for(mailbox.subscribe().recv(), 1)), "done")
