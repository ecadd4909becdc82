from __future__ import annotations

from pathlib import Path

import pytest

from samdomains.errors import RunDirectoryError
from samdomains.manifest import Entry, Manifest, SharedManifest
from samdomains.processes import Processes

DONE = Entry("a, b.png", "done", 2, 0.75, ("predicted IoU 0.75 is below 0.8", "cut"), ("a.png",))
FAILED = Entry("c.png", "failed", 0, None, ("c.png: empty",), ())


def test_a_line_is_there_as_soon_as_its_image_is_done(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.csv", resume=False)
    manifest.add(DONE)
    lines = (tmp_path / "manifest.csv").read_text().splitlines()
    assert lines[0] == "image,status,objects,lowest_predicted_iou,review,files"
    assert lines[1] == '"a, b.png",done,2,0.750,predicted IoU 0.75 is below 0.8; cut,a.png'


def test_images_whose_files_are_there_are_finished(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.csv", resume=False)
    manifest.add(DONE)
    manifest.add(FAILED)
    again = Manifest(tmp_path / "manifest.csv", resume=True)
    assert again.entries == [DONE, FAILED]
    assert again.finished() == set()
    (tmp_path / "a.png").touch()
    assert again.finished() == {"a, b.png"}


def test_a_line_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    Manifest(path, resume=False).add(DONE)
    path.write_text(path.read_text() + "c.png,done,1,0.")
    assert Manifest(path, resume=True).entries == [DONE]


def test_an_image_done_again_has_one_line(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.csv", resume=False)
    manifest.add(FAILED)
    manifest.add(Entry("c.png", "done", 1, 0.9, (), ("c.png",)))
    assert (tmp_path / "manifest.csv").read_text().count("c.png,") == 1


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    Manifest(tmp_path / "manifest.csv", resume=False).add(DONE)
    assert Manifest(tmp_path / "manifest.csv", resume=False).entries == []


def test_something_else_is_not_taken_for_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("name,price\nchair,3\n")
    for resume in (True, False):
        with pytest.raises(RunDirectoryError, match="is no manifest of this version"):
            Manifest(tmp_path / "manifest.csv", resume=resume)
    assert (tmp_path / "manifest.csv").read_text() == "name,price\nchair,3\n"


def test_nothing_is_written_before_an_image_is_done(tmp_path: Path) -> None:
    Manifest(tmp_path / "out" / "manifest.csv", resume=False)
    assert not (tmp_path / "out").exists()


def _note(path: Path, index: int, *entries: Entry) -> SharedManifest:
    """The manifest as one of two processes has it, connected to none."""
    part = Manifest(path.with_name(f".manifest.part{index}.csv"), resume=False)
    for entry in entries:
        part.add(entry)
    return SharedManifest(path, Processes(), resume=True)


def test_what_interrupted_processes_noted_is_there_when_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    Manifest(path, resume=False).add(FAILED)
    manifest = _note(path, 1, DONE)
    assert manifest.own.entries == [FAILED, DONE]
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.csv"]


def test_a_complete_manifest_is_in_the_order_of_the_images(tmp_path: Path) -> None:
    manifest = SharedManifest(tmp_path / "manifest.csv", Processes(), resume=False)
    manifest.own.add(FAILED)
    manifest.own.add(DONE)
    assert manifest.complete([DONE.image, FAILED.image]) == [DONE, FAILED]
    assert Manifest(tmp_path / "manifest.csv", resume=True).entries == [DONE, FAILED]


def test_without_resume_what_processes_noted_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    Manifest(path.with_name(".manifest.part0.csv"), resume=False).add(DONE)
    assert SharedManifest(path, Processes(), resume=False).own.entries == []
    assert list(tmp_path.iterdir()) == []
