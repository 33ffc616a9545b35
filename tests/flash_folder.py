"""A littlefs at /flash, in RAM, that counts its operations and can lose its power at any of them."""

from flash_devices import Flash

try:
    import vfs
except ImportError:
    import os as vfs


class Folder:
    """An empty one, in place of the one before. `flash` is the device below it."""

    def __init__(self, blocks=24, block_size=512, program_size=32):
        self._size = program_size
        unmount()  # What was there before takes memory.
        self.flash = Flash(blocks, block_size)
        vfs.VfsLfs2.mkfs(self.flash, progsize=program_size, readsize=program_size, lookahead=32)
        self._mount()

    def _mount(self):
        unmount()
        vfs.mount(vfs.VfsLfs2(self.flash, progsize=self._size, readsize=self._size, lookahead=32), "/flash")

    def lose_power(self):
        """It goes, and comes back."""
        self.flash = self.flash.restarted()
        self._mount()


def unmount():
    try:
        vfs.umount("/flash")
    except OSError:
        pass
