"""Where the public names are. Loaded when one is first asked for, and not kept."""

# A line for each module: it is loaded when one of its names is first used.
MODULES = """\
aimdb_flash.flash_queue FlashQueue
aimdb_flash.flash_reader FlashReader
aimdb_flash.storage Storage StorageError
aimdb_flash.block_storage BlockStorage
aimdb_flash.file_storage FileStorage
aimdb_flash.partitions partition
aimdb_flash.mistakes CodecError QueueInUse UnknownFormat
aimdb.json_codec JsonCodec
aimdb.bytes_codec BytesCodec
aimdb.struct_codec StructCodec"""
