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

from samdomains.audit.coco_files import CocoFile
from samdomains.audit.findings import Finding, SafeFix
from samdomains.audit.mask_changes import change_masks
from samdomains.audit.mask_files import WRITABLE
from samdomains.audit.mending import PIN_HOLE, Mended, mended
from samdomains.data.convert import new_folder
from samdomains.data.label_maps import is_label_map_sidecar, label_map_files, write_label_maps
from samdomains.data.metadata import GROUPS_FILE, SPLITS_FILE, read_json_object
from samdomains.errors import DataError
from samdomains.files import write_json
from samdomains.types import Case, ObjectMask

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
        files: The files, seen from the folder of the data.
        what: What was done; or why nothing was.
    """

    fix: SafeFix
    case: str
    files: tuple[str, ...]
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
    require_fixable(data, copy, cases)
    wanted = [finding for finding in findings if finding.fix is not None]
    with new_folder(copy) as folder:
        shutil.copytree(data, folder, dirs_exist_ok=True)
        mender = _Mender(data, folder, {case.id: case for case in cases}, load, minimum_area)
        mender.mend_masks(wanted)
        mender.drop_duplicates(wanted)
        fixes = Fixes(tuple(mender.made), tuple(mender.left))
        write_json(folder / FIXES_FILE, {"source": data.name, **fixes.to_json()})
    return fixes


def require_fixable(data: Path, copy: Path, cases: Sequence[Case]) -> None:
    """Refuse what cannot be copied with fixes; better asked before a long audit than after it.

    Args:
        data: The folder.
        copy: Where the copy would be.
        cases: Images, slices or tiles in ``data``.

    Raises:
        DataError: As for ``copy_with_fixes``; a copy in use is found only there.
    """
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
class _Written:
    """The mended objects of a case, and the files of the copy that hold them."""

    objects: tuple[Mended, ...]
    files: tuple[Path, ...]


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
        changed: dict[str, _Written] = {}
        for case_id, fixes in wanted.items():
            case = self.cases[case_id]
            assert case.read_objects is not None
            objects = mended(case.read_objects(), fixes, self.minimum_area)
            if not any(item.specks or item.holes for item in objects):
                self._leave(case, fixes, "nothing of it is safe to change: other masks touch it")
                continue
            try:
                files = self._write(case, objects)
            except DataError as error:
                if not _is_shared(case, self.cases.values()):
                    self._restore(case)
                self._leave(case, fixes, error.problem)
            else:
                changed[case_id] = _Written(objects, files)
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
            files = (self._name(case.files[0]),)
            self.made.append(Change("drop_duplicate", case.id, files, what))
        if dropped:
            self._forget({case.id for case in dropped})

    def _write(self, case: Case, objects: tuple[Mended, ...]) -> tuple[Path, ...]:
        """Change the copies of a case's mask files; returns those that changed."""
        first = self._copied(case.files[min(1, len(case.files) - 1)])
        if len(case.files) == 2 and is_label_map_sidecar(first):
            size = objects[0].before.image_size
            return write_label_maps(
                first.parent, first.stem, _after(objects), size=size, classes=case.classes
            )
        if len(case.files) == 2 and first.suffix.lower() == ".json":
            annotations = CocoFile(first)
            annotations.change(case.id, objects)
            annotations.write()
            return (first,)
        files = [self._copied(file) for file in case.files[1:]]
        return change_masks(files, objects, case.classes)

    def _keep_what_reads_as_meant(
        self, changed: Mapping[str, _Written], wanted: Mapping[str, set[SafeFix]]
    ) -> None:
        """Read what was changed; where it is not what was meant, take the original again."""
        now = {case.id: case for case in self.load(self.folder)} if changed else {}
        sharing: dict[tuple[Path, ...], list[str]] = {}
        for case_id in changed:
            sharing.setdefault(self.cases[case_id].files[1:], []).append(case_id)
        for ids in sharing.values():
            if all(
                _same(_objects(now[case_id]), _after(changed[case_id].objects)) for case_id in ids
            ):
                for case_id in ids:
                    self._note(self.cases[case_id], changed[case_id])
                continue
            self._restore(self.cases[ids[0]])
            why = "it would not be read back as it was meant"
            for case_id in ids:
                self._leave(self.cases[case_id], wanted[case_id], why)

    def _restore(self, case: Case) -> None:
        """Take the masks of a case as they were."""
        for file in case.files[1:]:
            for original in _mask_files(file):
                shutil.copy2(original, self._copied(original))

    def _note(self, case: Case, written: _Written) -> None:
        files = tuple(path.relative_to(self.folder).as_posix() for path in written.files)
        specks = sum(item.specks for item in written.objects)
        holes = sum(item.holes for item in written.objects)
        if specks:
            what = f"specks of fewer than {self.minimum_area} pixels removed: {specks}"
            self.made.append(Change("remove_specks", case.id, files, what))
        if holes:
            what = f"holes of at most {PIN_HOLE} pixels filled: {holes}"
            self.made.append(Change("fill_holes", case.id, files, what))

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
        files = tuple(self._name(file) for file in case.files[1:] or case.files)
        self.left.extend(Change(fix, case.id, files, why) for fix in sorted(fixes))

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


def _is_shared(case: Case, cases: Iterable[Case]) -> bool:
    """Whether another case's masks lie in the same file."""
    return any(
        not set(case.files[1:]).isdisjoint(other.files[1:]) for other in cases if other is not case
    )
