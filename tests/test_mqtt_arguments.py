"""Arguments and URLs are checked where they are given, in words that show no password."""

from aimdb import AimDb, BoundedQueue, JsonCodec, SingleLatest, once
from aimdb_conformance.support import raises
from aimdb_mqtt import Broker, MqttTopic
from aimdb_mqtt.broker import brokers
from aimdb_mqtt.settings import parts_of as parse
from harness import equal, only
from scarce import make_with_little

PEM = b"""-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUHIlRLlRFCPnaQB3RYY0IMTw/WJUwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""


def refused(kind, what, *arguments, **options):
    """What is raised, of the class `kind`; no test leaves a Broker behind."""
    try:
        what(*arguments, **options)
    except kind as er:
        return str(er)
    finally:
        brokers.clear()
    raise AssertionError("%r, %r were accepted" % (arguments, options))


@only("unix", reason="a collection takes long on a board")
def test_a_broker_or_topic_that_there_was_no_memory_to_make_can_be_made_then():
    url = "mqtt://127.0.0.1"

    def forget():
        brokers.clear()
        once("loading").forget(*Broker.made_by)
        once("loading").forget("aimdb_net", "checks", "address")

    for make in (lambda: Broker(url), lambda: MqttTopic(url + "/n")):
        make_with_little(make, forget, 2)
    brokers.clear()


@only("unix", reason="needs names of 64 KB")
def test_wrong_arguments_of_a_broker_are_named_with_their_range():
    for kind, options in (
        (ValueError, {"client_id": ""}),
        (TypeError, {"client_id": 5}),
        (ValueError, {"client_id": "x" * 65536}),
        (ValueError, {"in_flight": 0}),
        (ValueError, {"in_flight": 100000}),
        (TypeError, {"in_flight": "8"}),
        (TypeError, {"in_flight": True}),
        (ValueError, {"keepalive_s": -1}),
        (ValueError, {"keepalive_s": 65536}),
        (TypeError, {"timeout_ms": 0.5}),
        (ValueError, {"timeout_ms": 0}),
        (ValueError, {"timeout_ms": 1 << 29}),
        (ValueError, {"max_packet": 15}),
        (ValueError, {"retry_ms": (0, 5)}),
        (ValueError, {"retry_ms": (6, 5)}),
        (TypeError, {"retry_ms": (1, "5")}),
        (TypeError, {"retry_ms": (1, 2, 3)}),
        (TypeError, {"retry_ms": 5}),
        (TypeError, {"will": "gone"}),
        (TypeError, {"will": ("gone",)}),
        (TypeError, {"will": ("gone", 1)}),
        (ValueError, {"will": ("gone/#", "1")}),
        (ValueError, {"will": ("gone", "1", 2)}),
        (TypeError, {"will": ("gone", "1", 1, "yes")}),
        (TypeError, {"clean_session": "no"}),
    ):
        sentence = refused(kind, Broker, "mqtt://host", **options)
        name = list(options)[0]
        assert name in sentence or name == "will", sentence
    refused(ValueError, Broker, "mqtt://host/topic")


def test_characters_at_which_a_broker_ends_the_connection_are_refused_in_every_name():
    for code in (0, 1, 9, 0x1F, 0x7F, 0x85, 0x9F, 0xD800, 0xDFFF, 0xFDD0, 0xFDEF, 0xFFFE, 0x1FFFF):
        what = "a" + chr(code)
        for call in (
            lambda: Broker("mqtt://host", client_id=what),
            lambda: Broker("mqtt://%s@host" % what),
            lambda: Broker("mqtt://host", will=(what, "1")),
            lambda: MqttTopic("mqtt://host/" + what),
        ):
            refused(ValueError, call)
    for code in (0x20, 0x7E, 0xA0, 0xD7FF, 0xE000, 0xFDCF, 0xFDF0, 0xFFFD, 0x1F600):
        what = "a" + chr(code)
        Broker("mqtt://%s@host" % what, client_id=what, will=(what, "1"))
        MqttTopic("mqtt://other/" + what)
        brokers.clear()


def test_what_is_no_flag_is_refused():
    for option in ("retain", "commits"):
        assert option in refused(TypeError, MqttTopic, "mqtt://host/t", **{option: "no"})


@only("unix", reason="needs names of 64 KB")
def test_arguments_at_the_ends_of_their_ranges_are_taken():
    for options in (
        {"client_id": "x" * 65535},
        {"in_flight": 1},
        {"in_flight": 1000},
        {"keepalive_s": 0},
        {"keepalive_s": 65535},
        {"timeout_ms": 1},
        {"timeout_ms": (1 << 29) - 1},
        {"max_packet": 16},
        {"max_packet": 65535},
        {"retry_ms": (1, 1)},
        {"will": ("gone", b"1", 0, False)},
    ):
        Broker("mqtt://host", **options)
    brokers.clear()


def test_wrong_arguments_of_topics_and_links():
    for kind, url, options in (
        (TypeError, "mqtt://h/n", {"codec": 5}),
        (TypeError, "mqtt://h/n", {"codec": JsonCodec}),
        (TypeError, "mqtt://h/n", {"broker": "h"}),
        (ValueError, "mqtt://h/n", {"qos": 2}),
        (TypeError, "mqtt://h/n", {"qos": "1"}),
        (ValueError, "mqtt://h/n", {"capacity": 0}),
        (TypeError, "mqtt://h/n", {"capacity": 1.5}),
        (ValueError, "mqtt://h/n/", {}),
        (ValueError, "mqtt://h/", {}),
        (ValueError, "mqtt://h/a#", {}),
        (ValueError, "mqtt://h/#/a", {}),
        (ValueError, "mqtt://h/$share/a", {}),
        (ValueError, "mqtt://h/$share/+/a", {}),
    ):
        refused(kind, MqttTopic, url, **options)
    for url in ("mqtt://h/a/+", "mqtt://h/#", "mqtt://h/$share/group/a"):
        refused(ValueError, linked, "link_to", url)


def linked(direction, url, **options):
    import aimdb_mqtt

    return getattr(aimdb_mqtt, direction)(AimDb().configure("n", SingleLatest()), url, **options)


def test_all_spellings_of_an_address_are_one():
    for one, other in (
        ("mqtt://Broker.LOCAL", "MQTT://broker.local:1883"),
        ("mqtt://localhost", "mqtt://127.0.0.1:1883"),
        ("mqtts://a", "mqtts://A:8883"),
    ):
        equal(parse(one)[0], parse(other)[0])


def test_what_is_no_url_is_refused():
    for wrong in (
        "mqtt://[::1]1883/n",
        "mqtt://[::1/n",
        "mqtt://[]/n",
        "mqtt://[::1]:/n",
        "mqtt://[host]/n",
        "mqtt://[::1 ]/n",
        "mqtt://[::g]/n",
        "mqtt://h:/n",
        "mqtt://h:-1/n",
        "mqtt://ho st/n",
        "mqtt://h?x/n",
        "mqtt://:secret@h/n",
        "tcp://h/n",
    ):
        refused(ValueError, parse, wrong)
    equal(refused(TypeError, parse, b"mqtt://:secret@h"), "a URL is a string, not a value of the class bytes")


def test_no_part_of_a_password_is_in_an_error():
    for url in (
        "mqtt://user:se/same@host/n",
        "mqtt://user:1883/same@host/n",
        "mqtt://user:se%same@host/n",
        "mqtt://user:same%",
        "mqtt://user:same%2@h/n",
        "mqtt://user:same%ff@h/n",
        "mqtt://user:same",
        "mqtt://user:same@ho st/n",
        "mqtt://user:same@/n",
        "mqtt://user:same@h:x/n",
        "mqtt://user:same@h/#",
        "xmqtt://user:same@h/n",
        ("mqtt://user:same@h/n",),
    ):
        sentence = refused((TypeError, ValueError), linked, "link_to", url)
        assert "same" not in sentence and "se%" not in sentence, sentence


def test_a_topic_may_have_an_at_sign_when_the_url_says_where_the_host_is():
    equal(parse("mqtt://@host/a@b")[2:], ("host", 1883, None, None, "a@b"))
    equal(parse("mqtt://u:p%2F%25@host/a@b")[2:], ("host", 1883, "u", "p/%", "a@b"))


def test_what_vouches_for_a_broker_is_bytes_of_a_certificate():
    for kind, tls in (
        (TypeError, None),
        (TypeError, True),
        (TypeError, "/ca.der"),
        (ValueError, b"rubbish"),
        (ValueError, PEM),
    ):
        sentence = refused(kind, Broker, "mqtts://host", tls=tls)
        assert "certificate" in sentence, sentence


def test_a_certificate_for_a_url_without_tls_is_refused():
    sentence = refused(ValueError, Broker, "mqtt://host", tls=b"any")
    assert "mqtts://" in sentence, sentence


def test_values_that_would_circle_are_refused():
    for options in (("link_to", "link_from"), ("link_from", "link_to")):
        record = AimDb().configure("n", BoundedQueue(1))
        getattr(record, options[0])("mqtt://h/a/b")
        getattr(record, options[1])("mqtt://h/c")
        getattr(record, options[1])("mqtt://other/a/b")
        equal(record.db.mistakes, [])
        getattr(record, options[1])("mqtt://h/a/b")
        equal(len(record.db.mistakes), 1)
        if options[1] == "link_from":
            record.link_from("mqtt://h/a/+")
            equal(len(record.db.mistakes), 2)
    topic = MqttTopic("mqtt://h/t")
    record = AimDb().configure("t", topic).link_to("mqtt://h/t").link_from("mqtt://h/t")
    equal(len(record.db.mistakes), 2)
    brokers.clear()


def test_the_metrics_of_a_topic_show_how_many_messages_may_wait():
    equal(MqttTopic("mqtt://host/n", capacity=5).metrics().occupancy, (0, 5))
    brokers.clear()


def test_a_second_broker_of_one_address_takes_the_place_of_one_that_is_not_in_use():
    first = Broker("mqtt://host", client_id="a")
    second = Broker("mqtt://HOST:1883", client_id="a")
    assert MqttTopic("mqtt://host/n").broker is second
    assert MqttTopic("mqtt://host/n", broker=first).broker is first
    brokers.clear()


def test_other_credentials_for_a_broker_are_refused_without_showing_them():
    Broker("mqtt://user:one@host")
    MqttTopic("mqtt://user:one@host/n")
    error = raises(ValueError, MqttTopic, "mqtt://user:sesame@host/n")
    assert "sesame" not in str(error) and "one" not in str(error).split(), error
    brokers.clear()
