"""Looking through a data set before anything is trained on it, and listing all that is wrong.

Every case is read once and let go. What is kept of it is its id, a hash of its pixels and a few
counts.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

from samdomains.data.folders import ALLOWED_LAYOUTS
from samdomains.data.naming import image_file, mask_file, name_some
from samdomains.data.parts import place_of, whole_of
from samdomains.errors import DataError
from samdomains.types import Case, ObjectMask, RawImage, Size, Split

T = TypeVar("T")

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a data set.

    Attributes:
        severity: ``error`` where training or scores would be wrong, ``warning`` where they may be.
        case: Id of the case, or an empty string where the whole data set is meant.
        file: The file to look at, or an empty string where the whole data set is meant.
        problem: What was found.
        remedy: What to do about it.
    """

    severity: Severity
    case: str
    file: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in a data set.

    Attributes:
        findings: In the order of the cases; those about the whole data set last.
        cases: Number of cases.
        objects: Number of objects in the cases that could be read, crowd regions left out.
        per_class: Class name → number of its objects; a class without any has 0.
        empty: Ids of the cases that were annotated and hold no object.
    """

    findings: tuple[Finding, ...]
    cases: int
    objects: int
    per_class: Mapping[str, int]
    empty: tuple[str, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that must be mended before training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that deserve a look."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """Counts and findings as plain JSON values."""
        return {
            "cases": self.cases,
            "objects": self.objects,
            "per_class": dict(self.per_class),
            "empty_cases": len(self.empty),
            "findings": [asdict(finding) for finding in self.findings],
        }


def audit_cases(
    cases: Sequence[Case],
    *,
    minimum_area: int,
    progress: Callable[[int], None] | None = None,
) -> Audit:
    """Read every case once and list what is wrong, every unreadable file included.

    Args:
        cases: The data set.
        minimum_area: Objects with fewer pixels are left out of training and scoring.
        progress: Called after each case with the number of cases done.

    Example:
        >>> audit_cases([], minimum_area=4).errors[0].problem
        'the data set holds no case'
    """
    tally = _Tally(minimum_area)
    for done, case in enumerate(cases, start=1):
        tally.look_at(case)
        if progress is not None:
            progress(done)
    tally.look_at_all()
    objects = sum(tally.per_class.values())
    findings = tuple(tally.findings)
    return Audit(findings, tally.ids.total(), objects, dict(tally.per_class), tuple(tally.empty))


@dataclass(slots=True)
class _Tally:
    """What is known after some cases.

    Attributes:
        minimum_area: In pixels.
        findings: In the order of the cases.
        ids: Number of cases with each id.
        per_class: Number of objects with each class name.
        usable: Number of objects of at least the minimum area.
        annotated: Number of cases whose objects could be read.
        empty: Ids of the annotated cases without objects.
        bare: Cases without annotation.
        channels: Number of images with each number of channels.
        images: Hash of the pixels → id and split of the first case that has them.
        unreadable: File and problem of what could not be read.
        noted: Ids of the images, volumes and scenes whose notes are listed.
    """

    minimum_area: int
    findings: list[Finding] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    per_class: Counter[str] = field(default_factory=Counter)
    usable: int = 0
    annotated: int = 0
    empty: list[str] = field(default_factory=list)
    bare: list[Case] = field(default_factory=list)
    channels: Counter[int] = field(default_factory=Counter)
    images: dict[bytes, tuple[str, Split | None]] = field(default_factory=dict)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)

    def look_at(self, case: Case) -> None:
        """Read one case and add what is wrong with it."""
        self.ids[case.id] += 1
        if self.ids[case.id] == 2:
            self.findings.append(
                _about_image(
                    case,
                    "error",
                    f"the id '{case.id}' belongs to more than one case",
                    "Give every image a name of its own.",
                )
            )
        whole = whole_of(case)
        if whole.id not in self.noted:
            self.noted.add(whole.id)
            remedy = "Nothing to do if that is meant."
            self.findings.extend(
                _about_image(whole, "warning", note, remedy) for note in whole.notes
            )
        pixels = self._read(case, case.read_pixels)
        if pixels is not None:
            self._look_at_pixels(case, pixels)
        if case.read_objects is None:
            self.bare.append(case)
            return
        objects = self._read(case, case.read_objects)
        if objects is not None:
            if pixels is not None:
                self.findings.extend(_size_findings(case, objects, pixels.shape[-2:]))
            self._look_at_objects(case, objects)

    def look_at_all(self) -> None:
        """Add what is wrong with the data set as a whole."""
        if not self.ids:
            self._about_all("error", "the data set holds no case", "Add images and their masks.")
        elif len(self.bare) == self.ids.total():
            problem = f"none of its {len(self.bare)} images has an annotation"
            self._about_all("error", problem, f"Add masks or COCO JSON. {ALLOWED_LAYOUTS}")
            return
        elif self.annotated and not self.usable:
            self._about_all(
                "error",
                f"none of the {self.annotated} readable cases holds an object of at least "
                f"{self.minimum_area} pixels: there is nothing to learn from",
                "Check that the masks are not all zero and that foreground and background mean "
                "what data.masks and data.threshold say.",
            )
        elif self.empty:
            self._about_all(
                "warning",
                f"{len(self.empty)} of {self.ids.total()} cases hold no object: "
                f"{name_some(self.empty)}",
                "Nothing to do if that is right; otherwise annotate them.",
            )
        self.findings += [
            _about_image(
                case,
                "error",
                "the image has no annotation",
                "Add its mask (all background if it holds no object) or remove the image.",
            )
            for case in self.bare
        ]
        if len(self.channels) > 1:
            counts = (f"{channels} in {n} images" for channels, n in sorted(self.channels.items()))
            self._about_all(
                "warning",
                f"the number of channels differs: {', '.join(counts)}",
                "Convert the images to the same channels, unless the difference is meant.",
            )

    def _about_all(self, severity: Severity, problem: str, remedy: str) -> None:
        self.findings.append(Finding(severity, "", "", problem, remedy))

    def _read(self, case: Case, read: Callable[[], T]) -> T | None:
        """What ``read`` gives, or None and an error that is listed once per case."""
        try:
            return read()
        except DataError as error:
            finding = Finding("error", case.id, str(error.path), error.problem, error.remedy)
            if (finding.file, finding.problem) not in self.unreadable:  # a volume's, of all slices
                self.findings.append(finding)
            self.unreadable.add((finding.file, finding.problem))
            return None

    def _look_at_pixels(self, case: Case, pixels: RawImage) -> None:
        self.channels[pixels.shape[0]] += 1
        self.findings.extend(_value_findings(case, pixels))
        if _is_constant(pixels):
            return  # blank images all equal each other, which says nothing about the split
        digest = _digest(pixels)
        if digest in self.images:
            self.findings.append(_duplicate_finding(case, *self.images[digest]))
        else:
            self.images[digest] = (case.id, case.split)

    def _look_at_objects(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        self.annotated += 1
        for name in case.classes.values():
            self.per_class.setdefault(name, 0)
        counted = [obj for obj in objects if not obj.crowd]
        if not counted:
            self.empty.append(case.id)
        self.per_class.update(case.classes.get(obj.class_id, str(obj.class_id)) for obj in counted)
        self.usable += sum(obj.area >= self.minimum_area for obj in counted)
        self.findings.extend(_object_findings(case, counted, self.minimum_area))


def _about_image(case: Case, severity: Severity, problem: str, remedy: str) -> Finding:
    return Finding(severity, case.id, str(image_file(case)), _placed(case, problem), remedy)


def _about_mask(case: Case, severity: Severity, problem: str, remedy: str) -> Finding:
    return Finding(severity, case.id, str(mask_file(case)), _placed(case, problem), remedy)


def _placed(case: Case, problem: str) -> str:
    place = place_of(case)
    return f"{place}: {problem}" if place else problem


def _value_findings(case: Case, pixels: RawImage) -> Iterator[Finding]:
    if case.tile_of is not None:
        return  # a part of a scene may hold nothing, or nothing but sea
    finite = sum(channel.size for channel in _finite_channels(pixels))
    if finite == 0:
        yield _about_image(
            case, "error", "the image has no finite pixel value", "Export it again or remove it."
        )
        return
    if finite < pixels.size:
        yield _about_image(
            case,
            "warning",
            f"{pixels.size - finite} of {pixels.size} pixel values are NaN or infinite",
            "Nothing to do where no data was recorded; otherwise export the image again.",
        )
    if _is_constant(pixels):
        yield _about_image(
            case,
            "warning",
            "every pixel of the image has the same value",
            "Check that the file was exported properly, or remove the image.",
        )


def _finite_channels(pixels: RawImage) -> Iterator[RawImage]:
    """Each channel, as (H, W) or, for floats, as its finite values in a row."""
    for channel in pixels:
        yield channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel


def _is_constant(pixels: RawImage) -> bool:
    """Whether no channel varies; an opaque alpha channel does not hide a blank picture."""
    return all(
        channel.size == 0 or channel.min() == channel.max() for channel in _finite_channels(pixels)
    )


def _digest(pixels: RawImage) -> bytes:
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _duplicate_finding(case: Case, first: str, split: Split | None) -> Finding:
    if case.split != split:
        return _about_image(
            case,
            "error",
            f"the image in '{case.split}' equals that of case '{first}' in '{split}'",
            "Keep one of them, since a test on training images makes the scores too good.",
        )
    return _about_image(
        case,
        "warning",
        f"the image equals that of case '{first}'",
        "Keep one of them, or put both in one group so that no split divides them.",
    )


def _size_findings(case: Case, objects: Sequence[ObjectMask], size: Size) -> Iterator[Finding]:
    sizes = sorted({obj.image_size for obj in objects} - {size})
    if sizes:
        got = ", ".join(f"{width} x {height}" for height, width in sizes)
        yield _about_mask(
            case,
            "error",
            f"the mask is {got} pixels wide and high, the image {size[1]} x {size[0]}",
            "Export the mask at the image's size; it is not resized, since that moves borders.",
        )


def _object_findings(
    case: Case, objects: Sequence[ObjectMask], minimum_area: int
) -> Iterator[Finding]:
    unknown = sorted({obj.class_id for obj in objects} - set(case.classes))
    if unknown:
        yield _about_mask(
            case,
            "error",
            f"class {name_some([str(value) for value in unknown])} is not among the classes "
            f"{name_some([str(value) for value in sorted(case.classes)])}",
            "Name it in labels.json or in the categories, or correct the mask.",
        )
    small = sum(obj.area < minimum_area for obj in objects)
    if small:
        yield _about_mask(
            case,
            "warning",
            f"{small} of {len(objects)} objects have fewer than {minimum_area} pixels",
            "They are left out; remove specks from the mask or lower data.minimum_area.",
        )
    if any(obj.area == math.prod(obj.image_size) for obj in objects):
        yield _about_mask(
            case,
            "warning",
            "an object covers the whole image",
            "Check that foreground and background are not swapped.",
        )
