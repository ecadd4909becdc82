"""The checks that compare what images and masks show, with each other and with the rest of the set.

Of each image a look is taken once; what is kept of it is small: its best shift, its thumbnail and
its fingerprint, about 40 kB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from samdomains.audit.borders import (
    LEAST_DISTANCE,
    BestShift,
    Misplaced,
    best_shift,
    in_words,
    judge_placement,
)
from samdomains.audit.expected_regions import find_expected_regions
from samdomains.audit.findings import Finding, Unjudged, about_all, about_image, about_mask
from samdomains.audit.intensity import is_constant
from samdomains.audit.looks import take_look
from samdomains.audit.missing import MOST_IMAGES, TOO_MUCH, MissingObject, find_missing
from samdomains.audit.near_duplicates import Fingerprint, Pair, find_pairs, fingerprint
from samdomains.audit.outliers import (
    GreyLevels,
    Oddity,
    Outlier,
    find_outliers,
    grey_levels,
    why_unjudged,
)
from samdomains.audit.pixel_model import PixelModel
from samdomains.audit.regions import Regions, find_regions
from samdomains.audit.swaps import Stranger, judge_masks
from samdomains.audit.thumbnails import Thumbnail, make_thumbnail
from samdomains.data.parts import whole_of
from samdomains.types import Case, ObjectMask, RawImage

_ODDITIES: Mapping[Oddity, str] = {
    "contrast": "the contrast (1st to 99th percentile) is unlike that of the others",
    "brightness": "the brightness (99th percentile) is unlike that of the others",
    "level": "the median grey level is unlike that of the others",
    "saturated": "the share of saturated pixels is unlike that of the others",
    "inverted": "objects are on the other side of the background's grey level than in the others",
}


@dataclass(slots=True)
class Contents:
    """What is kept of the images that were looked at, each list in their order.

    Attributes:
        cases: The images, slices and tiles.
        shifts: Where their masks fit best.
        thumbnails: For comparing masks with images.
        prints: For finding copies.
        levels: Grey levels.
        regions: What looks like objects.
    """

    cases: list[Case] = field(default_factory=list)
    shifts: list[BestShift | None] = field(default_factory=list)
    thumbnails: list[Thumbnail | None] = field(default_factory=list)
    prints: list[Fingerprint | None] = field(default_factory=list)
    levels: list[GreyLevels] = field(default_factory=list)
    regions: list[Regions | None] = field(default_factory=list)
    _expected: list[Regions | None] = field(default_factory=list)
    _unjudged: list[Unjudged] = field(default_factory=list)

    def look_at(
        self,
        case: Case,
        pixels: RawImage,
        objects: Sequence[ObjectMask] | None,
        *,
        is_copy: bool = False,
    ) -> None:
        """Keep what is needed of an image; nothing where it is blank.

        Args:
            case: An image, slice or tile.
            pixels: (C, H, W), as stored.
            objects: Of the image and of its size; None where they are not known.
            is_copy: Whether it is known to equal an earlier image.
        """
        if is_constant(pixels):
            return
        look = take_look(pixels, objects or ())
        self.cases.append(case)
        self.shifts.append(best_shift(look))
        self.thumbnails.append(make_thumbnail(look))
        self.prints.append(None if is_copy else fingerprint(look))
        self.levels.append(grey_levels(pixels, look))
        self.regions.append(find_regions(look))

    def findings(self) -> Iterator[Finding]:
        """What stands out, once all images were looked at; ``unjudged`` is complete then."""
        swapped = self._swapped()
        yield from (self._stranger(item) for item in swapped)
        yield from self._placements({item.place for item in swapped})
        if reason := why_unjudged(self.levels):
            self._unjudged.append(Unjudged("intensity_outlier", reason))
        yield from (self._outlier(item) for item in find_outliers(self.levels))
        yield from self._dtypes()
        yield from self._missing({item.place for item in swapped})
        groups = [whole_of(case).group for case in self.cases]
        yield from (self._pair(pair) for pair in find_pairs(self.prints, groups))

    def unjudged(self) -> Iterator[Unjudged]:
        """Why nothing is said, where it is so; known once ``findings`` has ended."""
        yield from self._unjudged

    def _swapped(self) -> tuple[Stranger, ...]:
        """The masks that do not fit; the objects that are expected are kept on the way."""
        items = [item for item in self.thumbnails if item is not None]
        expected = []
        self._expected = [None] * len(self.thumbnails)
        if len(items) >= 2:
            model = PixelModel(items)
            places = [i for i, item in enumerate(self.thumbnails) if item is not None]
            for number, place in enumerate(places):
                maps = model.expected(number)
                expected.append(maps[0])
                self._expected[place] = find_expected_regions(items[number], maps, model.classes)
        matching = judge_masks(self.thumbnails, expected)
        if not matching.reliable:
            self._unjudged.append(Unjudged("swapped_masks", matching.reason))
        return matching.strangers

    def _placements(self, swapped: set[int]) -> Iterator[Finding]:
        placement = judge_placement(self.shifts)
        if not placement.reliable:
            self._unjudged.append(Unjudged("shifted_mask", placement.reason))
        down, right = placement.usual
        if placement.reliable and max(abs(down), abs(right)) >= LEAST_DISTANCE - 1:
            yield about_all(
                "warning",
                f"the masks of most images fit {in_words(down, right)}",
                "Check how masks were exported: a shift of all of them is learnt, and scored as "
                "right.",
                check="shifted_masks",
                badness=0.4,
            )
        for item in placement.misplaced:
            if item.place not in swapped:  # whose best shift says nothing
                yield self._misplaced(item)

    def _misplaced(self, item: Misplaced) -> Finding:
        shift = item.shift
        return about_mask(
            self.cases[item.place],
            "error" if item.certain else "warning",
            f"the mask fits {in_words(shift.down, shift.right)}",
            "Lay the mask over the image; move it if it is shifted.",
            check="shifted_mask",
            badness=0.5 + 0.45 * min(1.0, shift.gain) * min(1.0, shift.clearness / 10),
        )

    def _stranger(self, item: Stranger) -> Finding:
        case = self.cases[item.place]
        if item.partner is None:
            return about_mask(
                case,
                "warning",
                "the mask fits its image no better than those of other images do",
                "Lay the mask over the image: it may be turned, or of another image.",
                check="border_off_edges",
                badness=0.6,
            )
        partner = self.cases[item.partner].id
        problem = (
            f"its mask and that of case '{partner}' fit when they are exchanged"
            if item.mutual
            else f"the mask of case '{partner}' fits the image, its own does not"
        )
        finding = about_mask(
            case,
            "error" if item.certain else "warning",
            problem,
            "Lay the masks over both images; rename them if they were swapped.",
            check="swapped_masks",
            badness=0.95 if item.certain else 0.8,
        )
        return replace(finding, other=partner)

    def _missing(self, swapped: set[int]) -> Iterator[Finding]:
        """One finding an image, that of the clearest of its missing objects."""
        by_place: dict[int, list[MissingObject]] = {}
        judged = [find_missing(regions) for regions in (self.regions, self._expected)]
        for missing in judged:
            for place, items in missing.by_place().items():
                # Both ways find the same objects, so the one that finds more counts.
                if place not in swapped and len(items) > len(by_place.get(place, ())):
                    by_place[place] = items
        reason = judged[0].reason if all(missing.reason for missing in judged) else ""
        if len(by_place) > MOST_IMAGES * len(self.cases):
            reason = TOO_MUCH
            by_place.clear()
        if reason:
            self._unjudged.append(Unjudged("missing_object", reason))
        for place, items in sorted(by_place.items()):
            clearest = max(items, key=lambda item: item.evidence)
            count = f"{len(items)} regions without a label look" if len(items) > 1 else ""
            yield about_mask(
                self.cases[place],
                "warning",
                f"{count or 'a region without a label looks'} like the objects",
                "Label what was forgotten; a model is punished for finding it.",
                check="missing_object",
                badness=min(0.7, 0.4 + 0.02 * clearest.evidence),
                box=clearest.box,
            )

    def _dtypes(self) -> Iterator[Finding]:
        counts = Counter(item.dtype for item in self.levels)
        if len(counts) > 1:
            named = ", ".join(f"{dtype} in {n} images" for dtype, n in sorted(counts.items()))
            yield about_all(
                "warning",
                f"the pixel type differs: {named}",
                "Check that all were exported with the same range of values.",
                check="dtypes_differ",
            )

    def _outlier(self, item: Outlier) -> Finding:
        case = self.cases[item.place]
        return about_image(
            case,
            "warning",
            f"{_ODDITIES[item.oddity]}: {item.value:.3g}, where {item.usual:.3g} is usual",
            "Check its exposure and how it was exported.",
            check="intensity_outlier",
            badness=min(0.7, 0.3 + 0.02 * item.distance),
        )

    def _pair(self, pair: Pair) -> Finding:
        case, first = self.cases[pair.place], self.cases[pair.first]
        apart = case.split != first.split
        how = " turned or mirrored" if pair.turned else ""
        what = (
            f"the image is nearly that of case '{first.id}'{how}"
            if pair.same
            else f"the image seems to show the scene of case '{first.id}'{how}"
        )
        where = f", which is in '{first.split}' and this one in '{case.split}'" if apart else ""
        return about_image(
            case,
            "warning",  # the split may be a published one, and cannot be changed
            what + where,
            "Keep one of them, or put both in one group and one split: a test on training images "
            "makes the scores too good.",
            check="duplicate_across_splits" if apart and pair.same else "near_duplicate",
            badness=(0.9 if pair.same else 0.7) if apart else (0.5 if pair.same else 0.4),
            other=first.id,
        )
