"""Looking through a data set before anything is trained on it, and listing all that is wrong.

Every case is read once and let go. What is kept of it is its id, a hash of its pixels and a few
counts. The checks themselves stand in the other files of this room: those of one image are
functions of the case and what was read of it, those of many images look at one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from samdomains.audit.annotators import Annotators
from samdomains.audit.classes import Classes
from samdomains.audit.contents import Contents
from samdomains.audit.cut_objects import CutObjects
from samdomains.audit.duplicates import EqualImages, about_equal
from samdomains.audit.findings import (
    Audit,
    Finding,
    Unjudged,
    about_all,
    about_image,
    worst_first,
)
from samdomains.audit.intensity import check_pixel_values
from samdomains.audit.masks import (
    check_classes,
    check_full_masks,
    check_mask_size,
    check_specks,
    numbered,
)
from samdomains.audit.overlaps import Overlaps
from samdomains.audit.ragged_borders import RaggedBorders
from samdomains.audit.shapes import (
    check_coarse_border,
    check_holes,
    check_objects_twice,
    check_stray_parts,
    told_once,
)
from samdomains.data.folders import ALLOWED_LAYOUTS
from samdomains.data.naming import name_some
from samdomains.data.parts import whole_of
from samdomains.errors import DataError
from samdomains.types import Case, ObjectMask, RawImage, Size

T = TypeVar("T")


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
    return Audit(
        worst_first(tally.findings),
        tally.ids.total(),
        sum(tally.per_class.values()),
        dict(tally.per_class),
        tuple(tally.empty),
        tuple(tally.unjudged()),
    )


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
        equal: Knows the images that were seen.
        unreadable: File and problem of what could not be read.
        noted: Ids of the images, volumes and scenes whose notes are listed.
        classes: Which classes the images have.
        contents: What is kept of the images to compare them.
        annotators: Agreement of the annotations of equal images.
        ragged: How ragged borders are.
        cut: Objects that the border of their image cuts.
        overlaps: Objects that overlap.
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
    equal: EqualImages = field(default_factory=EqualImages)
    unreadable: set[tuple[str, str]] = field(default_factory=set)
    noted: set[str] = field(default_factory=set)
    classes: Classes = field(default_factory=Classes)
    contents: Contents = field(default_factory=Contents)
    annotators: Annotators = field(default_factory=Annotators)
    ragged: RaggedBorders = field(default_factory=RaggedBorders)
    cut: CutObjects = field(default_factory=CutObjects)
    overlaps: Overlaps = field(default_factory=Overlaps)

    def look_at(self, case: Case) -> None:
        """Read one case and add what is wrong with it."""
        self._look_at_name(case)
        pixels = self._read(case, case.read_pixels)
        if pixels is not None:
            self.channels[pixels.shape[0]] += 1
            self.findings.extend(_of_pixels(case, pixels))
        objects: Sequence[ObjectMask] | None = None
        if case.read_objects is None:
            self.bare.append(case)
        else:
            objects = self._read(case, case.read_objects)
        if objects is not None:
            self._count(case, objects)
            for collector in (self.classes, self.ragged, self.cut, self.overlaps):
                collector.look_at(case, objects)
            self.findings.extend(_of_objects(case, objects, self.minimum_area))
        if pixels is not None:
            self._look_at_contents(case, pixels, objects)

    def _look_at_contents(
        self, case: Case, pixels: RawImage, objects: Sequence[ObjectMask] | None
    ) -> None:
        """What the image shows, and whether its masks go with it."""
        of_another_size = list(check_mask_size(case, objects or (), pixels.shape[-2:]))
        self.findings.extend(of_another_size)
        fitting = None if of_another_size else objects
        first = self.equal.earlier(case, pixels)
        if first is not None:
            self.findings.append(about_equal(case, first))
            if fitting is not None:
                self._compare(case, fitting, first, pixels.shape[-2:])
        self.contents.look_at(case, pixels, fitting, is_copy=first is not None)

    def _compare(self, case: Case, objects: Sequence[ObjectMask], first: Case, size: Size) -> None:
        """The annotations of two equal images; that of the first is read again."""
        before = None if first.read_objects is None else self._read(first, first.read_objects)
        if before is not None and all(item.image_size == size for item in before):
            self.annotators.look_at(case, objects, first, before, size)

    def look_at_all(self) -> None:
        """Add what is wrong with the data set as a whole."""
        if self.ids and len(self.bare) == self.ids.total():
            problem = f"none of its {len(self.bare)} images has an annotation"
            remedy = f"Add masks or COCO JSON. {ALLOWED_LAYOUTS}"
            self.findings.append(
                about_all("error", problem, remedy, check="no_annotation", badness=1.0)
            )
            return
        self.findings = told_once(self.findings, self.annotated)
        self.findings.extend(self._of_contents())
        for collector in (
            self.classes,
            self.contents,
            self.annotators,
            self.ragged,
            self.cut,
            self.overlaps,
        ):
            self.findings.extend(collector.findings())
        self.findings += [
            about_image(
                case,
                "error",
                "the image has no annotation",
                "Add its mask (all background if it holds no object) or remove the image.",
                check="no_annotation",
                badness=0.9,
            )
            for case in self.bare
        ]
        if len(self.channels) > 1:
            counts = (f"{channels} in {n} images" for channels, n in sorted(self.channels.items()))
            self.findings.append(
                about_all(
                    "warning",
                    f"the number of channels differs: {', '.join(counts)}",
                    "Convert the images to the same channels, unless the difference is meant.",
                    check="channels_differ",
                )
            )

    def unjudged(self) -> Iterator[Unjudged]:
        """The checks that could not judge the set; of a set without annotation nothing is said."""
        if self.annotated:
            for collector in (self.contents, self.ragged, self.cut):
                yield from collector.unjudged()

    def _of_contents(self) -> Iterator[Finding]:
        """Whether there is anything to learn from."""
        if not self.ids:
            yield about_all(
                "error",
                "the data set holds no case",
                "Add images and their masks.",
                check="no_case",
                badness=1.0,
            )
        elif self.annotated and not self.usable:
            yield about_all(
                "error",
                f"none of the {self.annotated} readable cases holds an object of at least "
                f"{self.minimum_area} pixels: there is nothing to learn from",
                "Check that the masks are not all zero and that foreground and background mean "
                "what data.masks and data.threshold say.",
                check="no_object",
                badness=1.0,
            )
        elif self.empty:
            yield about_all(
                "warning",
                f"{len(self.empty)} of {self.ids.total()} cases hold no object: "
                f"{name_some(self.empty)}",
                "Nothing to do if that is right; otherwise annotate them.",
                check="empty_masks",
                badness=0.3 + 0.3 * len(self.empty) / self.ids.total(),
            )

    def _look_at_name(self, case: Case) -> None:
        """Ids that occur twice, and what the loader noticed."""
        self.ids[case.id] += 1
        if self.ids[case.id] == 2:
            self.findings.append(
                about_image(
                    case,
                    "error",
                    f"the id '{case.id}' belongs to more than one case",
                    "Give every image a name of its own.",
                    check="id_twice",
                    badness=0.9,
                )
            )
        whole = whole_of(case)
        if whole.id not in self.noted:
            self.noted.add(whole.id)
            remedy = "Nothing to do if that is meant."
            self.findings.extend(
                about_image(whole, "warning", note, remedy, check="loader_note", badness=0.2)
                for note in whole.notes
            )

    def _read(self, case: Case, read: Callable[[], T]) -> T | None:
        """What ``read`` gives, or None and an error that is listed once per case."""
        try:
            return read()
        except DataError as error:
            finding = Finding(
                "error",
                case.id,
                str(error.path),
                error.problem,
                error.remedy,
                check="unreadable",
                badness=1.0,
            )
            if (finding.file, finding.problem) not in self.unreadable:  # a volume's, of all slices
                self.findings.append(finding)
            self.unreadable.add((finding.file, finding.problem))
            return None

    def _count(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        self.annotated += 1
        for name in case.classes.values():
            self.per_class.setdefault(name, 0)
        counted = [item for _, item in numbered(objects)]
        if not counted:
            self.empty.append(case.id)
        self.per_class.update(
            case.classes.get(item.class_id, str(item.class_id)) for item in counted
        )
        self.usable += sum(item.area >= self.minimum_area for item in counted)


def _of_pixels(case: Case, pixels: RawImage) -> Iterator[Finding]:
    """What the pixels alone show."""
    yield from check_pixel_values(case, pixels)


def _of_objects(case: Case, objects: Sequence[ObjectMask], minimum_area: int) -> Iterator[Finding]:
    """What the masks alone show."""
    yield from check_classes(case, objects)
    yield from check_specks(case, objects, minimum_area)
    yield from check_full_masks(case, objects)
    yield from check_coarse_border(case, objects)
    yield from check_holes(case, objects)
    yield from check_stray_parts(case, objects, minimum_area)
    yield from check_objects_twice(case, objects)
