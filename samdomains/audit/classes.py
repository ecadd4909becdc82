"""Classes that are rare, that a split lacks, or that an image lacks where it should have them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from samdomains.audit.findings import Finding, PixelBox, about_all, about_mask
from samdomains.audit.masks import numbered, pixel_box
from samdomains.data.naming import name_some
from samdomains.types import Case, ObjectMask, Split

LEAST_IMAGES = 10
"""Annotated images below which a set says nothing about classes."""

LEAST_OBJECTS = 10
"""A class with fewer objects is neither learnt nor scored reliably."""

EXPECTED = 0.85
"""Share of the images with a class from which an image without it stands out."""

SAME_PLACE = 0.4
"""IoU of boxes from which cross-sections two slices apart are of one object."""

TOUCHED = 0.05
"""IoU of boxes up to which a slice shows nothing of an object in the slices beside it."""

LEAST_AREA = 36
"""Pixels of a cross-section; smaller ones come and go by themselves."""

_Section = tuple[int, PixelBox, int]  # class, box, area


@dataclass(slots=True)
class Classes:
    """Which classes the images have.

    Attributes:
        names: Class id → name.
        objects: Objects of each class in each split, or under None where no split is given.
        images: The annotated images that are no part of a whole, with their classes.
        slices: Volume → slice and its cross-sections, by index.
    """

    names: dict[int, str] = field(default_factory=dict)
    objects: defaultdict[Split | None, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    images: list[tuple[Case, frozenset[int]]] = field(default_factory=list)
    slices: defaultdict[str, dict[int, tuple[Case, list[_Section]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def look_at(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        """Take in the objects of an image, slice or tile."""
        items = [item for _, item in numbered(objects)]
        self.names.update(case.classes)
        self.objects[case.split].update(item.class_id for item in items)
        if case.slice_of is not None:
            sections = [(item.class_id, pixel_box(item), item.area) for item in items]
            self.slices[case.slice_of.volume.id][case.slice_of.index] = case, sections
        elif case.tile_of is None:
            self.images.append((case, frozenset(item.class_id for item in items)))

    def findings(self) -> Iterator[Finding]:
        """What stands out, once all images were looked at."""
        yield from self._rare()
        yield from self._without()
        for volume in self.slices.values():
            yield from _gaps(volume, self.names)

    def _rare(self) -> Iterator[Finding]:
        """Classes with few objects, and splits without one."""
        total: Counter[int] = sum(self.objects.values(), Counter())
        enough = total.total() >= LEAST_OBJECTS * LEAST_IMAGES
        rare = [value for value in sorted(total) if enough and total[value] < LEAST_OBJECTS]
        if rare:
            named = [f"'{self._name(value)}' {total[value]}" for value in rare]
            yield about_all(
                "warning",
                f"classes with fewer than {LEAST_OBJECTS} of {total.total()} objects: "
                f"{name_some(named)}",
                "Annotate more of them, or leave them out: they are hardly learnt, and their "
                "scores are chance.",
                check="rare_class",
                badness=0.4,
            )
        for split, counts in self.objects.items():
            # A class with few objects cannot be everywhere, and was named above.
            lacking = [
                value
                for value in sorted(total)
                if total[value] >= LEAST_OBJECTS and not counts[value]
            ]
            if split is not None and lacking and counts:
                named = [f"'{self._name(value)}'" for value in lacking]
                yield about_all(
                    "warning",
                    f"no object of class {name_some(named)} in '{split}'",
                    "Move some of its images there, so that each class is learnt and scored.",
                    check="class_not_in_split",
                    badness=0.5 if split == "train" else 0.4,
                )

    def _without(self) -> Iterator[Finding]:
        """Images without a class that nearly all others have."""
        if len(self.images) < LEAST_IMAGES:
            return
        having = Counter(value for _, values in self.images for value in values)
        for value, count in sorted(having.items()):
            share = count / len(self.images)
            if not EXPECTED <= share < 1:
                continue
            for case, values in self.images:
                if value not in values:
                    yield about_mask(
                        case,
                        "warning",
                        f"no object of class '{self._name(value)}', which {count} of "
                        f"{len(self.images)} images have",
                        "Annotate it, unless there is none.",
                        check="missing_object",
                        badness=0.3 + 0.3 * share,
                    )

    def _name(self, value: int) -> str:
        return self.names.get(value, str(value))


def _gaps(
    volume: Mapping[int, tuple[Case, list[_Section]]], names: Mapping[int, str]
) -> Iterator[Finding]:
    """Slices that lack an object which the slices on both sides have in one place."""
    order = sorted(volume)
    for before, here, behind in zip(order, order[1:], order[2:], strict=False):
        case, sections = volume[here]
        for value, box, area in volume[before][1]:
            if area < LEAST_AREA:
                continue
            follows = any(
                value == other and other_area >= LEAST_AREA and _iou(box, other_box) >= SAME_PLACE
                for other, other_box, other_area in volume[behind][1]
            )
            shown = any(
                value == other and _iou(box, other_box) > TOUCHED
                for other, other_box, _ in sections
            )
            if follows and not shown:
                yield about_mask(
                    case,
                    "warning",
                    f"no object of class '{names.get(value, value)}' where the slices on both "
                    "sides have one",
                    "Annotate it, unless it is hidden or not there.",
                    check="missing_object",
                    badness=0.6,
                    box=box,
                )


def _iou(a: PixelBox, b: PixelBox) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return width * height / (areas - width * height)
