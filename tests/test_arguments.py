"""Functions, codecs and names that are of no use where they are given, in all packages."""

from aimdb import AimDb, Mailbox
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
