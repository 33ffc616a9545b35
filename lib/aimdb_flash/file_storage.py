import os
from errno import ENOENT

from .storage import Storage


class FileStorage(Storage):
    """Segments as files in the folder `path`, on the board's littlefs.

    No file stays open between two calls: littlefs before 2.11.3 damages a file that two handles have open
    (micropython pull request 18994), and each open file takes a kilobyte of RAM.

    `max_size` is the most bytes that it takes, `segment_size` those of a file; it grows with `max_size` when it is
    not given, so that there are few files. Raises `ValueError` when there is no room for 4 segments.
    """

    def __init__(self, path: str, max_size: int = 65536, segment_size: "int | None" = None):
        if segment_size is None:
            # Whole blocks of littlefs. Smaller ones mean shorter writes, as the last block is written anew each time.
            segment_size = max(4096, max_size // 32 // 4096 * 4096)
        self.segment_size = segment_size
        self.segment_count = max_size // segment_size
        self.check_room()
        if path[:1] != "/":
            path = os.getcwd() + "/" + path
        identity = ""
        for part in path.split("/"):
            if part not in ("", "."):
                identity += "/" + part
        self.identity = identity or "/"

    def _file(self, number):
        return "%s/%08x" % (self.identity, number)

    def numbers(self):
        found = []
        try:
            for entry in os.ilistdir(self.identity):
                if not entry[0].strip("0123456789abcdef"):  # Else it is none of ours.
                    found.append(int(entry[0], 16))
        except OSError as er:
            if er.errno != ENOENT:
                raise
        return found

    def length(self, number):
        return os.stat(self._file(number))[6]

    def create(self, number, data):
        try:
            self.append(number, 0, data, "wb")
        except OSError as er:
            if er.errno != ENOENT:
                raise
            os.mkdir(self.identity)
            self.append(number, 0, data, "wb")

    def append(self, number, offset, data, mode="ab"):
        with open(self._file(number), mode) as file:
            file.write(data)
            file.flush()

    def read(self, number, offset, size):
        with open(self._file(number), "rb") as file:
            file.seek(offset)
            return file.read(size)

    def remove(self, number):
        try:
            os.remove(self._file(number))
        except OSError as er:
            if er.errno != ENOENT:
                raise
