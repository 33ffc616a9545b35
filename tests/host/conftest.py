"""What several files of tests need, and is slow to make; and the order of all files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_image import library_image
from board_link import BoardLink
from emulated_pico import Board
from emulated_pico.network import JOIN

# What a test starts finds the tools where the test does.
os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if "tools" in Path(path).parts)

# Boards are emulated here, three at a time and more: one that is starved is not one that hangs.
BoardLink.patience = 600

# Each of these files takes 20 s and more. With three at a time, the longest begin first, so that all end together.
LONGEST = (
    "test_run.py",
    "test_node_season.py",
    "test_low_memory.py",
    "test_mqtt_client.py",
    "test_testing_page.py",
    "test_setup.py",
    "test_flash_low_memory.py",
    "test_aimx_board.py",
    "test_deploy.py",
    "test_deploy_power_cuts.py",
    "test_make_flash.py",
    "test_aimx_low_memory.py",
    "test_mqtt_faults.py",
    "test_plugin.py",
    "test_mip_install.py",
    "test_view.py",
    "test_aimx_dialling_low_memory.py",
    "test_aimx_power_cuts.py",
    "test_mqtt_runs.py",
    "test_flash_power_cuts.py",
    "test_flash_programs.py",
    "test_documents.py",
    "test_examples.py",
    "test_mqtt_board.py",
    "test_mqtt.py",
    "test_aimx_cancel_sweep.py",
    "test_node_repair.py",
    "test_random_programs.py",
)


@pytest.fixture(scope="module")
def wifi_board() -> Iterator[Board]:
    """A board with the library on it whose WiFi is up, for the tests of one file: also at rest it takes time."""
    with Board(filesystem=library_image(), paced=True) as board:
        board.exec(JOIN, timeout=180)
        yield board


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
