import aimdb
import aimdb_flash
import aimdb_mqtt
from aimdb import BytesCodec, JsonCodec, StructCodec
from harness import equal, raises


def test_values_come_back_as_they_were():
    for codec, value in (
        (JsonCodec(), {"a": [1, 2.5, None, True, "ü"]}),
        (BytesCodec(), b"\0\xff"),
        (StructCodec("<If"), (7, 0.5)),
        (StructCodec("<h"), -3),
        (StructCodec("<4s"), b"abcd"),
    ):
        data = codec.encode(value)
        equal((type(data), codec.decode(data)), (bytes, value))


def test_what_cannot_be_encoded_or_decoded_is_refused():
    with raises(ValueError):
        JsonCodec().decode(b"{")
    with raises(ValueError):
        StructCodec("<If").decode(b"\0")
    with raises(TypeError):
        StructCodec("<If").encode(5)


def test_the_size_of_a_struct_is_that_of_its_bytes():
    equal(StructCodec("<If").size, 8)


def test_the_packages_that_need_codecs_have_the_same_ones():
    for name in ("BytesCodec", "JsonCodec", "StructCodec"):
        equal([getattr(package, name) is getattr(aimdb, name) for package in (aimdb_flash, aimdb_mqtt)], [True, True])
