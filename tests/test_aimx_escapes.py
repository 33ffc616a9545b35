"""Characters in frames, as they are and as escapes, in both directions."""

from aimdb import AimDb, JsonCodec, SingleLatest
from aimdb.escapes import joined
from aimdb_aimx import AimxServer
from aimx_client import Client, Running, cable
from harness import equal
from scarce import left_by

SMILE = "\U0001f600"


def test_a_pair_of_escapes_is_one_character():
    for text, character in (
        (r'"\ud83d\ude00"', '"%s"' % SMILE),
        (r'"\uD83D\uDE00\u00e9\ud83d\ude00"', '"%s\\u00e9%s"' % (SMILE, SMILE)),
        (r'"\n\\\ud83d\ude00é"', '"\\n\\\\%sé"' % SMILE),
        # These are none, or the board reads them as they are.
        (r'"\\ud83d\\ude00"', None),
        (r'"\ud83d"', None),
        (r'"\ude00\ud83d"', None),
        (r'"\ud83d\ud83d"', None),
        (r'"\ud83d\u00e9"', None),
        (r'"\u00e9\u00e9"', None),
        (r'"\uzzzz\u0000"', None),
        (r'"\ud83d\ude0', None),
        ("\\", None),
        ("", None),
    ):
        equal(joined(text), character or text)


def test_the_characters_that_peers_have_escaped_leave_nothing_behind():
    codec = JsonCodec()
    characters = iter(range(0xDC00, 0xE000))
    left = left_by(lambda: codec.decode(b'"\\ud83d\\u%04x"' % next(characters)), 1000)
    assert left < 2000, left


async def test_a_peer_may_escape_any_character_of_a_value():
    near, far = cable()
    db = AimDb()
    db.configure("setting", SingleLatest()).remote(write=True)
    AimxServer(db, serial=far)
    client = Client(near)
    async with Running(db):
        for text in (rb'"\ud83d\ude00"', SMILE.join('""').encode()):
            await client.send(b'{"t":"req","id":1,"method":"record.set","params":{"name":"setting","value":%s}}' % text)
            equal(await client.reply(1), {"status": "success", "value": SMILE})
        await client.send(rb'{"t":"req","id":1,"method":"record.set","params":{"name":"setting","value":"\ud83d"}}')
        equal(await client.reply(1), "internal")
