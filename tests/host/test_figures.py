"""`make figures` writes what was measured into the pages."""

import json

import figures
import pytest
from pages import ROOT

CORE = json.loads((ROOT / "bench/results.json").read_text())["heap"]["after import"]


def test_a_figure_in_a_sentence_is_written_anew():
    written = figures.with_figures("It takes <!--figure:core-->1<!--end--> KB, or 2.")
    assert written == f"It takes <!--figure:core-->{CORE / 1000:.1f}<!--end--> KB, or 2."


def test_a_table_is_written_anew():
    written = figures.with_figures("Before.\n\n<!-- figures: heap -->\nold\n<!-- end of figures -->\n\nBehind.\n")
    assert written.startswith("Before.\n\n<!-- figures: heap -->\n\n|  | bytes |\n|---|--:|\n")
    assert f"| after import | {CORE:,} |\n" in written
    assert written.endswith("|\n\n<!-- end of figures -->\n\nBehind.\n") and "old" not in written


def test_what_nobody_measures_is_refused():
    with pytest.raises(KeyError):
        figures.with_figures("<!--figure:guessed-->1<!--end-->")


@pytest.mark.parametrize("name", [*figures.TABLES, *figures.FIGURES])
def test_each_figure_stands_in_a_page(name):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    marks = (f"<!-- figures: {name} -->", f"<!--figure:{name}-->")
    assert any(mark in page.read_text() for page in pages for mark in marks)
