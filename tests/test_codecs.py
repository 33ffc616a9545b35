import json
import sys
from collections import OrderedDict

import aimdb
import aimdb_flash
import aimdb_mqtt
from aimdb import AimDb, BoundedQueue, BytesCodec, JsonCodec, StructCodec
from harness import equal, only, raises

INFINITY = float("inf")
NAN = float("nan")
JSON = JsonCodec()


def test_values_come_back_as_they_were():
    for codec, value in (
        (JSON, {"a": [1, 2.5, None, True, "ü", {}, []], "": -7, "b": 2**70, "c": '\0\n\\"\x7f'}),
        (JSON, OrderedDict((("z", 1), ("a", 0.1)))),
        (BytesCodec(), b"\0\xff"),
        (StructCodec("<If"), (7, 0.5)),
        (StructCodec("<h"), -3),
        (StructCodec("<4s"), b"abcd"),
        (StructCodec("<BbHhIiQq"), (255, -128, 65535, -32768, 2**32 - 1, -(2**31), 2**64 - 1, -(2**63))),
        (StructCodec("<2f"), (INFINITY, -INFINITY)),
        (StructCodec("<f"), 5),
    ):
        data = codec.encode(value)
        equal(type(data), bytes)
        back = codec.decode(data)
        equal(dict(back) if isinstance(back, dict) else back, dict(value) if isinstance(value, dict) else value)


def test_a_tuple_comes_back_as_a_list_from_json_and_a_list_as_a_tuple_from_a_struct():
    equal(JSON.decode(JSON.encode((1, (2, 3)))), [1, [2, 3]])
    codec = StructCodec("<HH")
    equal(codec.decode(codec.encode([1, 2])), (1, 2))


def test_json_refuses_what_would_not_come_back_equal():
    for value in (
        NAN,
        INFINITY,
        -INFINITY,
        b"ab",
        bytearray(b"ab"),
        object(),
        JSON,
        {1: 2},
        {None: 1},
        {True: 1},
        {1, 2},
    ):
        for inside in (value, [value], {"a": [0, {"b": value}]}):
            with raises(ValueError):
                JSON.encode(inside)


def test_json_with_a_number_that_becomes_infinite_is_refused():
    for data in (b"1e999", b"-1e999", b"[1, -1e999]", b'{"a": [0, {"b": 1e999}]}', b'["\\u0041", 1e999]'):
        with raises(ValueError):
            JSON.decode(data)
    equal(JSON.decode(b'["1e999", 1e9]'), ["1e999", 1e9])


def test_json_that_cannot_be_decoded_is_told_with_its_first_bytes():
    for data in (b'{"celsius": ', b"\xff\xfe", b'"\\ud83d"', b"21.5 C"):
        with raises(ValueError) as told:
            JSON.decode(data)
        assert "JsonCodec cannot decode %r: " % data in str(told.error), told.error
    with raises(ValueError) as told:
        JSON.decode(b"[" * 9000)
    assert len(str(told.error)) < 200, told.error


def test_json_refuses_half_a_character_which_would_be_no_utf8():
    for text in (b'"\\ud83d"', b'"\\ud83d\\ude00"', b'{"a":["b\\ud800"]}', b'{"\\udfff":1}'):
        value = json.loads(text)  # Of a pair a board makes two halves.
        with raises(ValueError):
            JSON.encode(value)
    for value in ("\ud7ff", "\ue000", "\U0001f600", "\u00ed"):
        equal(JSON.decode(JSON.encode(value)), value)


def test_json_refuses_what_is_nested_too_deep_for_the_stack():
    value = {}
    value["self"] = value
    with raises(ValueError):
        JSON.encode(value)


def test_a_struct_refuses_what_would_not_come_back_equal():
    for format, value in (
        ("<HH", (1, 2, 3)),
        ("<HH", (1,)),
        ("<HH", ()),
        ("<H", 70000),
        ("<H", -1),
        ("<b", 128),
        ("<i", 2**31),
        ("<Q", 2**64),
        ("<Hf", (70000, 0.5)),
        ("<4s", b"abc"),
        ("<4s", b"abcde"),
        ("<f", 2**24 + 1),
        ("<f", 2**200),
    ):
        with raises(ValueError):
            StructCodec(format).encode(value)
    for format, value in (("<If", 5), ("<H", "a"), ("<H", 1.5), ("<H", None), ("<HH", None), ("<4s", 5)):
        with raises(TypeError):
            StructCodec(format).encode(value)


def test_a_struct_of_several_fields_takes_only_what_comes_back_equal_a_tuple_or_list():
    for value in (b"ab", bytearray(b"ab"), range(2), {0: 1, 1: 2}, {1, 2}, "ab", iter((1, 2))):
        with raises(TypeError):
            StructCodec("<HH").encode(value)


def test_a_format_with_addresses_is_refused_which_a_restart_would_make_wild_ones():
    for format in ("O", "<O", "P", "S", "<HS", "=2P"):
        with raises(ValueError):
            StructCodec(format)


def test_floats_round_to_what_their_field_can_hold():
    codec = StructCodec("<f")
    assert abs(codec.decode(codec.encode(21.3)) - 21.3) < 1e-5
    codec = StructCodec("<fff")
    number, nan, infinity = codec.decode(codec.encode((21.3, NAN, INFINITY)))
    assert nan != nan and infinity == INFINITY
    codec = StructCodec("<f")
    if sys.maxsize > 2**31:  # Floats of a board are no larger than the field.
        with raises(ValueError):
            codec.encode(1e300)
        with raises(ValueError):
            codec.encode(1e-60)


def test_what_cannot_be_decoded_is_refused():
    with raises(ValueError):
        JSON.decode(b"{")
    with raises(ValueError):
        StructCodec("<If").decode(b"\0")


def test_more_bytes_than_a_format_has_are_refused():
    with raises(ValueError):
        StructCodec("<If").decode(bytes(9))


def test_json_of_others_may_escape_any_character_and_half_a_pair_is_none():
    for text, value in (
        (rb'"\ud83d\ude00 \u00e9 \\u0041"', "\U0001f600 \u00e9 \\u0041"),
        (rb'{"\ud83d\ude00": ["\ud83d\ude00"]}', {"\U0001f600": ["\U0001f600"]}),
    ):
        equal(JSON.decode(text), value)
        equal(JSON.decode(JSON.encode(value)), value)
    for text in (rb'"\ud83d"', rb'"\ude00\ud83d"', rb'["\ud83d\u00e9"]', rb'{"\ude00": 1}'):
        with raises(ValueError):
            JSON.decode(text)


@only("unix", reason="a board has no memory for what is nested so deep")
def test_json_with_the_bytes_of_half_a_pair_is_refused_and_characters_that_begin_like_it_are_taken():
    for data in (b'"\xed\xa0\x80"', b'{"a":["b\xed\xbf\xbf"]}', b'{"\xed\xb0\x80":1}'):
        with raises(ValueError):
            JSON.decode(data)
    for text in ("\ud55c\uae00", "\ud7ff", "\ue000"):
        equal(JSON.decode(b'["%s"]' % text.encode()), [text])


def test_json_that_is_nested_too_deep_is_refused_also_beside_an_escape():
    with raises(ValueError):
        JSON.decode(b"[" * 5000 + rb'"\u00e9"' + b"]" * 5000)


def test_codecs_without_options_refuse_arguments():
    for codec in (JsonCodec, BytesCodec):
        with raises(TypeError):
            codec(3)
        with raises(TypeError):
            codec(size=3)


def test_what_is_no_format_is_refused_by_name():
    db = AimDb()
    db.configure("x", BoundedQueue(1))
    # O, P and S are addresses: what is read by them may end the interpreter.
    for format in ("", "<", "x", "0s", "zz", "O", "<P", "<hS", "5", "<h h", 5, b"<h", ("<h",)):
        for make in (StructCodec, lambda format: db.sync_producer("x", 1, format)):
            with raises(ValueError if isinstance(format, str) else TypeError) as refused:
                make(format)
            equal(repr(format) in str(refused.error), True)


def test_the_size_of_a_struct_is_that_of_its_bytes():
    equal(StructCodec("<If").size, 8)


def test_the_packages_that_need_codecs_have_the_same_ones():
    for name in ("BytesCodec", "JsonCodec", "StructCodec"):
        equal([getattr(package, name) is getattr(aimdb, name) for package in (aimdb_flash, aimdb_mqtt)], [True, True])
