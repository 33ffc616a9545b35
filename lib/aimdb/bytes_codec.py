class BytesCodec:
    """For values that are bytes already. See `JsonCodec` for what a codec is. IRQ safety: none."""

    size = 32

    def __init__(self) -> None:
        pass  # Without it the interpreter takes any arguments.

    def encode(self, value):
        """`value` itself. Whoever stores or sends it raises for a value that is no bytes."""
        return value

    def decode(self, data):
        """`data` itself."""
        return data
