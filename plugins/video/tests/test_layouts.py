from __future__ import annotations

from pathlib import Path

import pytest
from samdomains_video.layouts import Found, find_clips, natural_key, pictures

from samdomains.plugin import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(source: Path) -> list[tuple[str, str, str | None]]:
    """Name, clip and masks, relative to the source."""
    return [
        (
            clip.name,
            clip.path.relative_to(source).as_posix(),
            clip.masks.relative_to(source).as_posix() if clip.masks else None,
        )
        for clip in find_clips(source)
    ]


def test_a_video_file_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "walk.MP4")
    path = tmp_path / "walk.MP4"
    assert find_clips(path) == [Found("walk", path, None)]


def test_a_folder_of_frames_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "walk/2.png", "walk/10.png", "walk/.hidden.png", "walk/notes.txt")
    assert found(tmp_path / "walk") == [("walk", ".", None)]
    assert [path.name for path in pictures(tmp_path / "walk")] == ["2.png", "10.png"]


def test_a_folder_holds_videos_and_folders_of_frames(tmp_path: Path) -> None:
    touch(tmp_path, "a10.mp4", "a2/0.jpg", "a2/1.jpg", "empty/readme.txt", "a10_masks/00000.png")
    assert found(tmp_path) == [("a2", "a2", None), ("a10", "a10.mp4", None)]


@pytest.mark.parametrize("inner", ["", "480p/"])
def test_the_layout_of_davis(tmp_path: Path, inner: str) -> None:
    for name in ("bear", "camel"):
        touch(tmp_path, f"JPEGImages/{inner}{name}/00000.jpg")
        touch(tmp_path, f"Annotations/{inner}{name}/00000.png")
    assert found(tmp_path) == [
        (name, f"JPEGImages/{inner}{name}", f"Annotations/{inner}{name}")
        for name in ("bear", "camel")
    ]


def test_what_the_writer_wrote_is_found_as_masks(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "labels/a.mp4", "labels/a_masks/00000.png")
    assert found(tmp_path) == [("a", "videos/a.mp4", "labels/a_masks")]


def test_the_frames_of_one_video_with_masks_beside_them(tmp_path: Path) -> None:
    touch(tmp_path, "images/0.png", "masks/0.png")
    assert found(tmp_path) == [(tmp_path.name, "images", "masks")]


def test_videos_without_masks_are_for_prediction(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mkv")
    assert found(tmp_path) == [("a", "videos/a.mp4", None), ("b", "videos/b.mkv", None)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "there is no video and no frame: it is empty"),
        (["notes.txt"], "it holds notes.txt"),
        (["a.mp4", "0.png"], "it holds frames .* and videos"),
        (["a.mp4", "a/0.png"], "two videos are named 'a'"),
        (["a.mp4", "a.mkv"], "two videos are named 'a'"),
        (["walk/0.png", "walk/0.jpg"], "are the same frame"),
        (["videos/a.mp4", "images/b.mp4"], "both videos/ and images/"),
        (["videos/a.mp4", "videos/b.mp4", "labels/a/0.png"], "none for b"),
        (["videos/a.mp4", "labels/a/0.png", "labels/c/0.png"], "no video for these masks .c."),
        (["JPEGImages/480p/a/0.jpg", "JPEGImages/1080p/a/0.jpg"], "several resolutions"),
    ],
)
def test_what_does_not_belong_together_is_an_error(
    tmp_path: Path, names: list[str], message: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        find_clips(tmp_path)


def test_other_sources_are_errors_that_say_what_is_allowed(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.txt")
    with pytest.raises(DataError, match="a single image, for which the domain `images` is"):
        find_clips(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"no video by its name .*\.mp4"):
        find_clips(tmp_path / "a.txt")
    with pytest.raises(DataError, match="there is no such file or folder"):
        find_clips(tmp_path / "missing")


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["f10", "f9", "f1_2", "f1_10", "e5", "007", "8"]
    assert sorted(names, key=natural_key) == ["007", "8", "e5", "f1_2", "f1_10", "f9", "f10"]
