"""Functions, codecs, names, sizes and options that are of no use where they are given, in all packages."""

from aimdb import AimDb, InvalidConfiguration, Mailbox, SingleLatest
from aimdb_aimx import AimxRecord
from aimdb_flash import BlockStorage, FlashQueue
from aimdb_mqtt import MqttTopic
from flash_devices import Flash
from harness import equal, raises


def test_a_name_that_no_json_can_carry_is_told_where_others_would_get_it():
    record = AimDb().configure("\ud800", Mailbox())
    for use in (record.remote, lambda: record.signal_gauge("\udfff"), lambda: record.signal_gauge("level", "a\ud83d")):
        with raises(ValueError) as caught:
            use()
        assert "has no half of a surrogate pair" in str(caught.error), caught.error
    record = AimDb().configure("\ud7ff \ue000 \U0001f600", Mailbox())
    record.remote().signal_gauge("\ud7ff", "°C")


def test_a_codec_whose_decode_is_async_is_told():
    class Slow:
        def encode(self, value):
            return b""

        async def decode(self, data):
            return None

    codec = Slow()
    for use in (
        AimDb().configure("a", Mailbox()).remote,
        lambda codec: FlashQueue(BlockStorage(Flash()), codec),
        lambda codec: MqttTopic("mqtt://host/topic", codec=codec),
        lambda codec: AimxRecord("aimx://host/key", codec=codec),
    ):
        with raises(TypeError) as caught:
            use(codec=codec)
        equal(str(caught.error), "a codec has no async def: the decode of %r" % codec)


def test_an_async_function_for_what_cannot_be_decoded_is_refused():
    async def tell(error):
        pass

    for wrong in (tell, 0, "print"):
        with raises(TypeError) as caught:
            FlashQueue(BlockStorage(Flash()), undecodable=wrong)
        equal(str(caught.error), "undecodable is a function without async, not %r" % (wrong,))


def test_a_size_of_a_flash_queue_that_is_no_number_is_told_also_beside_a_storage():
    for kind, wrong in ((TypeError, "64k"), (TypeError, 65536.0), (ValueError, -1), (ValueError, 2**29)):
        with raises(kind) as caught:
            FlashQueue(BlockStorage(Flash()), max_size=wrong)
        assert str(caught.error).startswith("max_size is an int from "), caught.error


async def test_a_misspelt_option_of_a_link_or_a_transform_is_told_as_well():
    db = AimDb()
    record = db.configure("x", SingleLatest()).link_to("mqtt://host/x", retian=True)
    with raises(InvalidConfiguration) as caught:
        await db.run()
    assert "link_to has no option 'retian'; it has retain, " in str(caught.error), caught.error
    with raises(TypeError) as caught:
        record.transform("y", len, stat=3)
    equal(str(caught.error), "transform has no option 'stat'; it has state, fn, key")
