"""What a codec has made is JSON for AimDB as well, or is refused: AimDB does not answer what it cannot read."""

from aimdb_aimx.strict import loads
from harness import equal, raises
from scarce import left_by

JSON = (
    "0",
    "-0",
    "10",
    "-1.50",
    "1e5",
    "1E+05",
    "0.5e-3",
    "true",
    " null ",
    '""',
    '"a\\n\\u00e9\\ud83d\\ude00\\"\\\\\\/"',
    '"\u00e9\x7f"',
    "[]",
    "{}",
    "[ [], {} , [1,\t2.0,\r\n-3] ]",
    '{"a":1}',
    '{ "a" : [ {"b":"]"} , "," , ":" ] , "c":{} }',
)
NONE = (
    "",
    "007",
    "-01",
    "1.",
    "1.e5",
    "+1",
    ".5",
    "1e999",
    "[-1e999]",
    "NaN",
    "tr",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[[1][2]]",
    '["a""b"]',
    ",1",
    ":1",
    "1,",
    '{"a":1,}',
    '{"a" 1}',
    '{"a"::1}',
    '{"a":1 "b":2}',
    '{"a":1:2}',
    "{1:2}",
    '{"a"}',
    '{"a",1}',
    "[1}",
    "[1:2]",
    '[null{"k":[]}}',
    "[",
    '"a\nb"',
    '"\x01"',
    '"\\x"',
    '"\\ud800"',
    '"\\ud800x"',
    '"\\ud800\\u0041"',
    '"\\udc00"',
    '"a',
)


def test_json_is_taken():
    for text in JSON:
        loads(text.encode())
    equal(loads(JSON[-1].encode()), {"a": [{"b": "]"}, ",", ":"], "c": {}})


def test_what_others_do_not_take_is_refused():
    for text in NONE:
        try:
            value = loads(text.encode())
        except ValueError:
            continue
        raise AssertionError("%r is taken for %r" % (text, value))


def test_utf8_is_that_of_everybody():
    for text in ("\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff"):
        loads(b'"' + text.encode() + b'"')
    for data in (
        b"\xff",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xc3",
    ):
        with raises(ValueError):
            loads(b'"' + b"\xc3\xa9" + data + b'"')


def test_the_characters_that_were_looked_at_leave_nothing_behind():
    texts = (b'"\xe4%c%c"' % (number >> 6 | 0x80, number & 0x3F | 0x80) for number in range(0x800, 0x1000))
    left = left_by(lambda: loads(next(texts)), 1000)
    assert left < 2000, left
