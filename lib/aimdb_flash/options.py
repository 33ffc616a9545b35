"""What a program may say when it makes something; see the module of this name in aimdb."""

OPTIONS = """\
BlockStorage device write_size rewritable blocks
FileStorage path max_size segment_size
FlashQueue storage codec max_size stage flush_records flush_bytes flush_ms commit_ms drop_oldest stage_bytes \
undecodable"""
