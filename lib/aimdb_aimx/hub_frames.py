import aimdb_net.receiving
from aimdb_net.errors import ConnectionLost


class Receiver(aimdb_net.receiving.Receiver):
    """Cuts what a hub sends into frames: four bytes with the length, the highest first, and then the JSON text."""

    def header(self) -> int:
        view = self.view
        start = self.start
        at = start + 4
        if at > self.end:
            return -1
        if view[start]:
            raise ConnectionLost("what comes is no AimX")
        self.at = at
        self.first = 1
        return view[start + 1] << 16 | view[start + 2] << 8 | view[start + 3]
