"""manifest.py, which freezes the library into a firmware. Its interpreter is part of MicroPython's own build, and in no
package: here its calls are collected, and what they name is looked for."""

from types import SimpleNamespace

from package import ROOT, sources_of, version


class Options(SimpleNamespace):
    """What an including manifest passes, and the defaults for the rest."""

    def defaults(self, **defaults):
        for name, value in defaults.items():
            setattr(self, name, getattr(self, name, value))


def frozen(**passed) -> dict[str, dict]:
    """The packages that the manifest freezes, with the options of each."""
    found = {}
    names = {
        "metadata": lambda **values: found.setdefault("", values),
        "options": Options(**passed),
        "package": lambda name, **options: found.setdefault(name, options),
    }
    exec((ROOT / "manifest.py").read_text(), names)
    return found


def test_the_library_alone_is_frozen_unless_more_is_asked_for():
    assert set(frozen()) == {"", "aimdb"}
    assert set(frozen(packages=("aimdb", "aimdb_conformance"))) == {"", "aimdb", "aimdb_conformance"}


def test_what_is_frozen_is_what_a_user_installs():
    _, options = frozen().items()
    folder = ROOT / options[1]["base_path"] / options[0]
    assert sorted(folder.rglob("*.py")) == sources_of("aimdb")


def test_version_and_level_are_those_of_the_other_ways_to_install():
    assert frozen()[""]["version"] == version()
    assert frozen()["aimdb"]["opt"] == 3
