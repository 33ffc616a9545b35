import binascii
import random

from .url import check_topic


def client_id_of(client_id: "str | None", clean_session: "bool | None") -> "tuple[bytes, bool]":
    """Client id and clean session, with defaults: the chip's number and False, or a random one and True.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    if client_id is None:
        try:
            import machine

            client_id = "aimdb-" + binascii.hexlify(machine.unique_id()).decode()
        except (ImportError, AttributeError):
            client_id = "aimdb-%08x" % random.getrandbits(32)
            clean_session = clean_session is not False
    return client_id.encode(), bool(clean_session)


def will_of(topic: str, payload, qos: int = 0, retain: bool = False) -> tuple:
    """A last will as packets need it. Raises `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    return check_topic(topic, qos=qos), payload.encode() if isinstance(payload, str) else payload, qos, retain


def context_of(tls):
    """An ssl.SSLContext that trusts the broker's certificate. Raises `ValueError`.

    Cancel safety: it does not wait. IRQ safety: none.
    """
    import ssl

    if tls is None:
        raise ValueError("mqtts needs tls=, the certificate that vouches for the broker, or an ssl.SSLContext")
    if not isinstance(tls, (bytes, bytearray)):
        return tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=tls)
    return context
