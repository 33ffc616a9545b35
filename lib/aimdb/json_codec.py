import json


class JsonCodec:
    """For dicts, lists, strings, numbers, True, False and None; a tuple comes back as a list.

    A codec turns values into bytes and back, for flash and for the network. One of your own needs the same two
    methods. Its `size`, how many bytes a value is likely to take, says how many values a queue on flash has room for.
    """

    size = 32

    def encode(self, value) -> bytes:
        """The bytes that stand for `value`. Raises `TypeError` or `ValueError` for a value that it cannot encode.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return json.dumps(value).encode()

    def decode(self, data: bytes):
        """The value that `data` stands for. Raises `ValueError` for bytes that it cannot decode.

        Cancel safety: it does not wait. IRQ safety: none.
        """
        return json.loads(data)
