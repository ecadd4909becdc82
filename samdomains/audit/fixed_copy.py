"""A copy of a data set with the safe fixes of its audit; the data set itself is never changed.

Every changed mask is read again, by the domain's own reader, and kept only where exactly what was
meant has changed. Files that no fix is about are copied byte for byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.coco_files import CocoFile
from samdomains.audit.findings import Finding, SafeFix
from samdomains.audit.mask_files import WRITABLE, change_mask
from samdomains.audit.mending import PIN_HOLE, Mended, mended
from samdomains.data.convert import new_folder
from samdomains.data.images import read_mask
from samdomains.data.label_maps import is_label_map_sidecar, label_map_files, write_label_maps
from samdomains.data.metadata import GROUPS_FILE, SPLITS_FILE, read_json_object
from samdomains.errors import DataError
from samdomains.files import write_json
from samdomains.types import Case, Mask, ObjectMask

FIXES_FILE = "fixes.json"
"""What was changed, and what was left, in the copy."""

Load: TypeAlias = Callable[[Path], Sequence[Case]]
"""Lists the cases of a data folder, as the domain does."""


@dataclass(frozen=True, slots=True)
class Change:
    """A fix that was made, or left.

    Attributes:
        fix: Which.
        case: Id of the case.
        file: The file, seen from the folder of the data.
        what: What was done; or why nothing was.
    """

    fix: SafeFix
    case: str
    file: str
    what: str


@dataclass(frozen=True, slots=True)
class Fixes:
    """What became of the safe fixes of an audit.

    Attributes:
        made: Those that the copy has.
        left: Those that it has not.
    """

    made: tuple[Change, ...]
    left: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Both lists as plain JSON values."""
        return {
            "made": [asdict(change) for change in self.made],
            "left": [asdict(change) for change in self.left],
        }


def copy_with_fixes(
    data: Path,
    copy: Path,
    cases: Sequence[Case],
    findings: Iterable[Finding],
    load: Load,
    *,
    minimum_area: int,
) -> Fixes:
    """Copy a data folder and apply the safe fixes of its audit to the copy.

    Args:
        data: The folder.
        copy: A folder outside of it that does not exist yet, or an empty one. It appears when all
            is written, with ``fixes.json`` in it.
        cases: Images that ``load`` listed in ``data``.
        findings: Of their audit; those without a ``fix`` are left aside.
        load: Lists the cases of a data folder.
        minimum_area: ``data.minimum_area`` of the recipe.

    Raises:
        DataError: ``data`` is no folder, ``copy`` is in use or inside ``data``, or the cases are
            volumes or scenes, which cannot be written back without loss.
    """
    _require_possible(data, copy, cases)
    wanted = [finding for finding in findings if finding.fix is not None]
    with new_folder(copy) as folder:
        shutil.copytree(data, folder, dirs_exist_ok=True)
        mender = _Mender(data, folder, {case.id: case for case in cases}, load, minimum_area)
        mender.mend_masks(wanted)
        mender.drop_duplicates(wanted)
        fixes = Fixes(tuple(mender.made), tuple(mender.left))
        write_json(folder / FIXES_FILE, {"source": data.name, **fixes.to_json()})
    return fixes


def _require_possible(data: Path, copy: Path, cases: Sequence[Case]) -> None:
    if not data.is_dir():
        raise DataError(data, "only a folder can be copied with fixes", "Name the data's folder.")
    if copy.resolve().is_relative_to(data.resolve()):
        raise DataError(copy, f"the copy would lie in {data} itself", "Name a folder elsewhere.")
    outside = next((f for case in cases for f in case.files if not f.is_relative_to(data)), None)
    if outside is not None:
        raise DataError(outside, f"the file is not in {data}", "Name the folder of all its files.")
    if any(case.slice_of is not None or case.tile_of is not None for case in cases):
        raise DataError(
            data,
            "volumes and scenes cannot be written back without loss, so none of them is fixed",
            f"Correct them in the tool they were drawn with; --fix changes {WRITABLE}, "
            "and COCO JSON.",
        )


@dataclass(frozen=True, slots=True)
class _Mender:
    """Changes the copy.

    Attributes:
        data: The folder that was copied.
        folder: The copy.
        cases: Id → case, in ``data``.
        load: Lists the cases of a folder.
        minimum_area: In pixels.
        made: What was changed.
        left: What was not.
    """

    data: Path
    folder: Path
    cases: Mapping[str, Case]
    load: Load
    minimum_area: int
    made: list[Change] = field(default_factory=list)
    left: list[Change] = field(default_factory=list)

    def mend_masks(self, findings: Sequence[Finding]) -> None:
        """Remove specks and fill holes, then read the changed masks again."""
        wanted: dict[str, set[SafeFix]] = {}
        for finding in findings:
            if finding.fix in ("remove_specks", "fill_holes"):
                wanted.setdefault(finding.case, set()).add(finding.fix)
        changed: dict[str, tuple[Mended, ...]] = {}
        for case_id, fixes in wanted.items():
            case = self.cases[case_id]
            assert case.read_objects is not None
            objects = mended(case.read_objects(), fixes, self.minimum_area)
            if not any(item.specks or item.holes for item in objects):
                self._leave(case, fixes, "nothing of it is safe to change: other masks touch it")
                continue
            try:
                self._write(case, objects)
            except DataError as error:
                self._leave(case, fixes, error.problem)
            else:
                changed[case_id] = objects
        self._keep_what_reads_as_meant(changed, wanted)

    def drop_duplicates(self, findings: Sequence[Finding]) -> None:
        """Remove images that equal another one of their split, with the same masks."""
        dropped: list[Case] = []
        for finding in findings:
            if finding.fix != "drop_duplicate":
                continue
            case, first = self.cases[finding.case], self.cases[finding.other]
            try:
                equal = _same(_objects(case), _objects(first))
            except DataError as error:
                self._leave(case, {"drop_duplicate"}, error.problem)
                continue
            if not equal:
                why = f"its masks differ from those of '{first.id}'; only a human can tell which"
                self._leave(case, {"drop_duplicate"}, f"{why} are right")
                continue
            self._drop(case)
            dropped.append(case)
            what = f"removed, since it equals '{first.id}'"
            self.made.append(Change("drop_duplicate", case.id, self._name(case.files[0]), what))
        if dropped:
            self._forget({case.id for case in dropped})

    def _write(self, case: Case, objects: Sequence[Mended]) -> None:
        """Change the copy of a case's mask file."""
        files = case.files[1:]
        if len(files) != 1:
            problem = f"its masks lie in {len(files)} files, and those of one file alone are fixed"
            raise DataError(case.files[0], problem, "Correct them by hand.")
        path = self._copied(files[0])
        if is_label_map_sidecar(path):
            size = objects[0].before.image_size
            write_label_maps(
                path.parent, path.stem, _after(objects), size=size, classes=case.classes
            )
        elif path.suffix.lower() == ".json":
            annotations = CocoFile(path)
            annotations.change(case.id, objects)
            annotations.write()
        else:
            values = read_mask(path)
            removed, filled = _pixels(path, values, objects)
            change_mask(path, removed, filled)

    def _keep_what_reads_as_meant(
        self, changed: Mapping[str, tuple[Mended, ...]], wanted: Mapping[str, set[SafeFix]]
    ) -> None:
        """Read what was changed; where it is not what was meant, take the original again."""
        now = {case.id: case for case in self.load(self.folder)} if changed else {}
        files: dict[Path, list[str]] = {}
        for case_id in changed:
            files.setdefault(self.cases[case_id].files[1], []).append(case_id)
        for file, ids in files.items():
            if all(_same(_objects(now[case_id]), _after(changed[case_id])) for case_id in ids):
                for case_id in ids:
                    self._note(self.cases[case_id], changed[case_id])
                continue
            for original in _mask_files(file):
                shutil.copy2(original, self._copied(original))
            why = "it would not be read back as it was meant"
            for case_id in ids:
                self._leave(self.cases[case_id], wanted[case_id], why)

    def _note(self, case: Case, objects: Sequence[Mended]) -> None:
        file = self._name(case.files[1])
        specks = sum(item.specks for item in objects)
        holes = sum(item.holes for item in objects)
        if specks:
            what = f"{specks} specks of fewer than {self.minimum_area} pixels removed"
            self.made.append(Change("remove_specks", case.id, file, what))
        if holes:
            what = f"{holes} holes of at most {PIN_HOLE} pixels filled"
            self.made.append(Change("fill_holes", case.id, file, what))

    def _drop(self, case: Case) -> None:
        """Remove the files of a case that no other case has."""
        shared = {
            file for other in self.cases.values() if other is not case for file in other.files
        }
        for file in case.files:
            if file.suffix.lower() == ".json" and file in shared:
                annotations = CocoFile(self._copied(file))
                annotations.drop(case.id)
                annotations.write()
            elif file not in shared:
                for each in _mask_files(file):
                    self._copied(each).unlink()
                copied = self._copied(file)
                if copied.parent.name == case.id and not any(copied.parent.iterdir()):
                    copied.parent.rmdir()  # a folder of the image's own, one file for each object

    def _forget(self, ids: set[str]) -> None:
        """Take cases out of ``splits.json`` and ``groups.json``."""
        splits, groups = self.folder / SPLITS_FILE, self.folder / GROUPS_FILE
        if splits.is_file():
            parts = read_json_object(splits)
            left = {
                part: [name for name in names if name not in ids] for part, names in parts.items()
            }
            write_json(splits, left)
        if groups.is_file():
            named = read_json_object(groups)
            write_json(groups, {name: group for name, group in named.items() if name not in ids})

    def _leave(self, case: Case, fixes: Iterable[SafeFix], why: str) -> None:
        file = self._name(case.files[min(1, len(case.files) - 1)])
        self.left.extend(Change(fix, case.id, file, why) for fix in sorted(fixes))

    def _copied(self, file: Path) -> Path:
        return self.folder / file.relative_to(self.data)

    def _name(self, file: Path) -> str:
        return file.relative_to(self.data).as_posix()


def _mask_files(file: Path) -> tuple[Path, ...]:
    """A mask file, and the label maps that belong to it."""
    return (file, *label_map_files(file)) if is_label_map_sidecar(file) else (file,)


def _objects(case: Case) -> tuple[ObjectMask, ...]:
    return case.read_objects() if case.read_objects else ()


def _after(objects: Sequence[Mended]) -> list[ObjectMask]:
    return [item.after for item in objects if item.after is not None]


def _same(found: Sequence[ObjectMask], meant: Sequence[ObjectMask]) -> bool:
    """Whether objects have the same classes and the same pixels, one by one."""
    return len(found) == len(meant) and all(
        (a.origin, a.image_size, a.class_id, a.crowd)
        == (b.origin, b.image_size, b.class_id, b.crowd)
        and np.array_equal(a.crop, b.crop)
        for a, b in zip(found, meant, strict=True)
    )


def _pixels(
    path: Path, values: NDArray[np.int64], objects: Sequence[Mended]
) -> tuple[Mask, dict[int, Mask]]:
    """What becomes background, and what gets which of the stored values.

    Raises:
        DataError: A hole is in an object that is stored with several values.
    """
    removed = np.zeros(values.shape, dtype=bool)
    filled: dict[int, Mask] = {}
    for item in objects:
        if not (item.specks or item.holes):
            continue
        before = item.before.mask()
        after = np.zeros_like(before) if item.after is None else item.after.mask()
        removed |= before & ~after
        if item.holes:
            stored = np.unique(values[before & after])
            if len(stored) != 1:
                problem = f"an object has the {len(stored)} values {stored.tolist()}"
                raise DataError(path, problem, "Fill its holes by hand.")
            mask = filled.setdefault(int(stored[0]), np.zeros_like(before))
            mask |= after & ~before
    return removed, filled
