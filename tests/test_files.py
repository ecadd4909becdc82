from __future__ import annotations

import errno
import json
import math
import os
import stat
from pathlib import Path

import pytest

from samdomains.files import atomic_path, remove_abandoned, without_nan, write_json, write_text


def test_the_file_appears_whole_in_a_folder_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with atomic_path(path) as temporary:
        assert (temporary.parent, temporary.suffix) == (path.parent, ".txt")
        temporary.write_text("42")
        assert not path.exists()
    assert path.read_text() == "42"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_keeps_the_earlier_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "earlier")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_about_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match="No space") as caught, atomic_path(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))


def test_an_error_about_another_file_stays_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "a.txt"):
        (tmp_path / "absent").read_text()
    assert caught.value.filename == str(tmp_path / "absent")


@pytest.mark.skipif(os.name != "posix", reason="locks are of POSIX")
def test_what_a_killed_process_left_is_removed_and_what_is_being_written_stays(
    tmp_path: Path,
) -> None:
    path, left = tmp_path / "a.txt", tmp_path / ".a-x1y2.tmp.txt"
    left.write_text("half")
    (tmp_path / ".hidden").touch()
    (tmp_path / "notes-1.tmp").touch()
    with atomic_path(path) as temporary:
        temporary.write_text("42")
        remove_abandoned(tmp_path)
        assert temporary.exists()
    assert {item.name for item in tmp_path.iterdir()} == {"a.txt", ".hidden", "notes-1.tmp"}
    remove_abandoned(tmp_path / "absent")


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_the_file_has_the_usual_rights_and_not_those_of_a_temporary_one(tmp_path: Path) -> None:
    earlier = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(earlier)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_json_has_no_nan_and_keeps_other_alphabets(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"naïve": [math.nan, 1.5, {"x": (math.nan, True)}]})
    assert json.loads(path.read_text("utf-8")) == {"naïve": [None, 1.5, {"x": [None, True]}]}
    assert "naïve" in path.read_text("utf-8")


def test_taking_nan_out_leaves_the_rest() -> None:
    got = without_nan({"a": (math.nan, 2), "b": math.inf, "c": None, "d": "nan"})
    assert got == {"a": [None, 2], "b": math.inf, "c": None, "d": "nan"}
