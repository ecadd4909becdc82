"""The manifest of a segmented folder: what became of each image, and which need a human look."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.errors import RunDirectoryError
from samdomains.files import write_text
from samdomains.processes import Processes

COLUMNS = ("image", "status", "objects", "lowest_predicted_iou", "review", "files")
SEPARATOR = "; "


@dataclass(frozen=True, slots=True)
class Entry:
    """One image.

    Attributes:
        image: Id of its case: the name of its file without suffix, unless the domain has better.
        status: ``done``, or ``failed`` where it could not be read or segmented.
        objects: Number of objects found.
        lowest_iou: Lowest IoU that the model predicts of them; None where there is none.
        review: Why a human should look at it; empty where nobody needs to.
        files: What was written, relative to the manifest's folder.
    """

    image: str
    status: str
    objects: int
    lowest_iou: float | None
    review: tuple[str, ...]
    files: tuple[str, ...]


class Manifest:
    """``manifest.csv``, one line an image, written as the images are done.

    Args:
        path: The file.
        resume: Keep what an interrupted call wrote.

    Raises:
        RunDirectoryError: The file is there and is no manifest, so it is somebody's own.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        earlier = list(_read(path)) if path.exists() else []
        self.entries = earlier if resume else []
        self._begun = False

    def finished(self) -> set[str]:
        """Ids of the images that are done and whose files are all there."""
        folder = self._path.parent
        return {
            entry.image
            for entry in self.entries
            if entry.status == "done" and all((folder / name).exists() for name in entry.files)
        }

    def add(self, entry: Entry) -> None:
        """Append a line; one of the same image is replaced. The first one begins the file."""
        earlier = [known for known in self.entries if known.image != entry.image]
        replaced = len(earlier) < len(self.entries)
        self.entries = [*earlier, entry]
        if replaced or not self._begun:
            self._begun = True
            write_text(self._path, _lines([COLUMNS, *map(_row, self.entries)]))
            return
        with self._path.open("a", encoding="utf-8", newline="") as file:
            file.write(_lines([_row(entry)]))


class SharedManifest:
    """``manifest.csv`` of several processes: each notes its images in a part of its own beside it.

    The main process puts the parts together, at the end or, after an interruption, with the next
    ``resume``, whatever the number of processes then.

    Args:
        path: The manifest.
        processes: Those that segment together; all of them make one.
        resume: Keep what an interrupted call wrote.

    Raises:
        RunDirectoryError: The file is there and is no manifest, so it is somebody's own.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path, processes: Processes, *, resume: bool) -> None:
        self._path, self._processes = path, processes
        self._whole = processes.from_main(lambda: _begin(path, resume=resume))
        alone = processes.count == 1
        self.own = self._whole if alone else Manifest(_part(path, processes.index), resume=False)

    def finished(self) -> set[str]:
        """Ids of the images that an earlier call did and whose files are all there."""
        return self._whole.finished()

    def complete(self, order: Sequence[str]) -> Sequence[Entry]:
        """Wait for all processes, and put the lines into the order of the images.

        Args:
            order: Ids of the images.

        Returns:
            All entries.
        """
        self._processes.gather(lambda: None)
        return self._processes.from_main(lambda: self._put_together(order))

    def _put_together(self, order: Sequence[str]) -> Sequence[Entry]:
        entries = {entry.image: entry for entry in self._whole.entries}
        parts = _parts(self._path)
        for part in parts:
            entries |= {entry.image: entry for entry in _read(part)}
        place = {image: number for number, image in enumerate(order)}
        found = sorted(entries.values(), key=lambda entry: place.get(entry.image, len(place)))
        write_text(self._path, _lines([COLUMNS, *map(_row, found)]))
        for part in parts:
            part.unlink()
        return found


def _begin(path: Path, *, resume: bool) -> Manifest:
    """The manifest with what interrupted processes noted beside it, or, anew, without."""
    manifest = Manifest(path, resume=resume)
    for part in _parts(path):
        for entry in _read(part) if resume else ():
            manifest.add(entry)
        part.unlink()
    return manifest


def _part(path: Path, index: int) -> Path:
    return path.with_name(f".{path.stem}.part{index}{path.suffix}")


def _parts(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f".{path.stem}.part*{path.suffix}"))


def _row(entry: Entry) -> Sequence[str]:
    iou = "" if entry.lowest_iou is None else f"{entry.lowest_iou:.3f}"
    review, files = SEPARATOR.join(entry.review), SEPARATOR.join(entry.files)
    return entry.image, entry.status, str(entry.objects), iou, review, files


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _read(path: Path) -> Iterator[Entry]:
    """The entries of a manifest; a last line that was cut short is left out."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(io.StringIO(whole)))
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise RunDirectoryError(
            f"{path}: is no manifest of this version of samdomains. Remove it, or name another "
            "folder with --out"
        )
    for image, status, objects, iou, review, files in rows[1:]:
        yield Entry(
            image, status, int(objects), float(iou) if iou else None, _split(review), _split(files)
        )


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(SEPARATOR)) if text else ()
