"""One module names asyncio's private parts. When a new version of MicroPython changes those, so does this one."""

import re

from device_files import ROOT

PRIVATE = re.compile(r"\b(asyncio import core|asyncio\.core|_task_queue|_io_queue|cur_task|ph_key)\b")


def test_one_module_names_them():
    sources = [*(ROOT / "lib").rglob("*.py"), *(ROOT / "firmware").rglob("*.py")]
    found = {source.name for source in sources if PRIVATE.search(source.read_text())}
    assert found == {"waiting.py"}
