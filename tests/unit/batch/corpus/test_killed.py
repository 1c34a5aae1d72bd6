"""An index whose build is killed between any two steps that reach the disk."""

import os
import subprocess
import sys

import pytest

from fakes.made_up_corpus import RIVERS, Library
from headgate.errors import ArtifactError

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from fakes.made_up_corpus import Library

def in_child(place, moment):
    left, sync = moment, os.fsync
    def counted(handle):
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        sync(handle)
    os.fsync = counted
    Library(Path(place), segment_rows=2).build()

moment = 0
while True:
    place = Path(sys.argv[1]) / str(moment)
    child = os.fork()
    if not child:
        in_child(place, moment)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != -signal.SIGKILL:
        print(moment)
        sys.exit(code)
    moment += 1
"""


@pytest.fixture
def killed_at(tmp_path):
    """Builds in `tmp_path / N`, killed as it waits for the disk the Nth time; returns these."""

    def build(prepare):
        for moment in range(30):
            prepare(tmp_path / str(moment))
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", KILLED_AT, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [tmp_path / str(moment) for moment in range(int(ended.stdout))]

    return build


def prepared(place):
    place.mkdir()
    library = Library(place, segment_rows=2)
    library.write("rivers.jsonl", *RIVERS)
    library.write("notes.md", "# Rhine\nIt ends in the North Sea.")
    return library


@pytest.mark.slow
def test_a_first_build_goes_on_wherever_it_was_killed(killed_at):
    """Until the end nobody finds half of it; then it is as if nothing had happened."""
    places = killed_at(prepared)
    assert len(places) > 10
    for place in places:
        library = Library(place, segment_rows=2)
        whole = (library.place / "manifest.json").exists()
        if not whole:
            with pytest.raises(ArtifactError, match="no finished index"):
                library.open()
        library.build()

        assert sorted(library.ids()) == sorted(
            ["nile", "amazon", "elbe", "oder", f"{library.files / 'notes.md'}#1"]
        )
        assert library.found("giant mountains")[0] == "elbe"
        assert not (library.place / "journal.jsonl").exists()


@pytest.mark.slow
def test_an_index_stays_as_it_was_until_a_change_is_whole(killed_at):
    """Readers find all of the old passages or all of the new ones, and never both."""

    def indexed(place):
        library = prepared(place)
        library.build()
        library.write("rivers.jsonl", *RIVERS[2:], ("rhone", "Rhone", "It rises in the Alps."))

    for place in killed_at(indexed):
        library = Library(place, segment_rows=2)
        old, new = {"nile", "amazon", "elbe", "oder"}, {"elbe", "oder", "rhone"}
        found = {name for name in library.ids() if "#" not in name}
        assert found in (old, new)

        library.build()

        assert {name for name in library.ids() if "#" not in name} == new
