import os
from errno import ENOENT, ENOMEM

from aimdb import once

from .storage import Storage


class FileStorage(Storage):
    """Segments as files in the folder `path`, on the board's littlefs. Other files may be there, too.

    No file stays open between two calls: littlefs before 2.11.3 damages a file that two handles have open
    (micropython pull request 18994), and each open file takes a kilobyte of RAM.

    `max_size` is the most bytes that it takes, `segment_size` those of a file; it grows with `max_size` when it is
    not given, so that there are few files. Raises `TypeError`, and `ValueError` when there is no room for 4 segments.
    """

    def __init__(self, path: str, max_size: int = 65536, segment_size: "int | None" = None):
        self.tools = once("folder", "aimdb_flash")
        self.tools.make(self, path, max_size, segment_size)

    def _file(self, number):
        return "%s/%08x" % (self.identity, number)

    def _open(self, number, mode):
        try:
            return open(self._file(number), mode)
        except OSError as er:
            if er.errno == ENOMEM:  # It is no damage of the file.
                raise MemoryError
            raise

    def numbers(self):
        return (self.tools or once("folder", "aimdb_flash")).find(self)

    def length(self, number):
        return os.stat(self._file(number))[6]

    def is_taken(self, number):
        # An empty file counts: it may be what a power cut has left of a segment, but also the user's.
        try:
            os.stat(self._file(number))
        except OSError as er:
            if er.errno != ENOENT:
                raise
            return False
        return True

    def create(self, number, data):
        try:
            file = self._open(number, "wb")
        except OSError as er:
            if er.errno != ENOENT:
                raise
            os.mkdir(self.identity)
            file = self._open(number, "wb")
        self._write(file, data)

    def append(self, number, offset, data):
        file = self._open(number, "r+b")  # Which makes no new file.
        if file.seek(0, 2) != offset:
            file.close()
            raise OSError(ENOENT)
        self._write(file, data)

    def _write(self, file, data):
        with file:
            file.write(data)
            file.flush()

    def read(self, number, offset, size):
        with self._open(number, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def remove(self, number):
        try:
            os.remove(self._file(number))
        except OSError as er:
            if er.errno != ENOENT:
                raise
