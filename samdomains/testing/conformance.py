"""The checks that every domain must pass, as one class of tests."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from samdomains.benchmark.suites import find_suite
from samdomains.data.naming import image_file, plain_stem
from samdomains.data.parts import normalized_image, statistics_of
from samdomains.recipe_layers import RecipeLayer, resolve_recipe
from samdomains.testing.decoders import PixelsDecodedError, no_pixels
from samdomains.testing.deviation import require_reasons
from samdomains.testing.subject import SEED, Subject, subject_of
from samdomains.testing.training import two_steps
from samdomains.testing.workers import Work, do, do_in_worker
from samdomains.types import Case, Mask, ObjectMask, Prompts, Size

HEAVY = (
    "torch",
    "tifffile",
    "nibabel",
    "pydicom",
    "highdicom",
    "SimpleITK",
    "rasterio",
    "pymatting",
    "numba",
    "skimage",
    "av",
    "cv2",
    "matplotlib",
)
"""Packages that selecting a domain must not import."""


class DomainConformance:
    """Subclass it in a plugin's tests and give the fixture ``domain``; pytest does the rest.

    A check is overridden with ``@deviates("reason")``. ``labelled_again`` may be overridden where
    a domain's labels lie elsewhere than in ``labels/``.

    Attributes:
        unfit: Recipe that cannot read the demo data → why. It must be valid, and is not trained.
    """

    unfit: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """Refuse overridden checks without a reason."""
        super().__init_subclass__()
        require_reasons(cls, DomainConformance)

    @pytest.fixture
    def domain(self) -> str:
        """The id of the domain: the one fixture that a subclass gives."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `domain` that returns the id of the domain"
        )

    @pytest.fixture
    def subject(self, domain: str) -> Subject:
        """The domain with its demo data."""
        return subject_of(domain)

    def labelled_again(self, subject: Subject, case: Case, folder: Path) -> Sequence[Case]:
        """Write a demo case's objects with the domain's writer, and list them as labels.

        Args:
            subject: The domain.
            case: A case with objects.
            folder: An empty folder.
        """
        file = image_file(case)
        (folder / "images").mkdir()
        suffix = file.name.removeprefix(plain_stem(file))
        shutil.copy(file, folder / "images" / f"{case.id}{suffix}")
        objects = case.read_objects() if case.read_objects else ()
        subject.domain.write_masks(subject.recipe)(case, objects, folder / "labels")
        return subject.domain.load_cases(folder, subject.recipe)

    def test_selecting_the_domain_imports_no_torch_and_no_reader(self, domain: str) -> None:
        """Heavy packages are imported inside hooks, so that listing and --help stay quick."""
        code = (
            "import sys; from samdomains.chain import select_domain; import samdomains.defaults; "
            f"known = set(sys.modules); select_domain({domain!r}).resolve_recipe(); "
            "import json; print(json.dumps(sorted(set(sys.modules) - known)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        _require(done.returncode == 0, f"the domain cannot be selected: {done.stderr[-800:]}")
        heavy = sorted(set(HEAVY) & set(json.loads(done.stdout)))
        _require(
            not heavy, f"selecting it imports {', '.join(heavy)}; import them inside the hooks"
        )

    def test_every_recipe_is_valid(self, subject: Subject) -> None:
        """Unknown keys and values out of range are found before a user finds them."""
        for name in subject.domain.recipe_names():
            subject.domain.resolve_recipe(name=name)

    def test_its_benchmark_suites_are_described(self, subject: Subject) -> None:
        """Title, data sets with source and licence, values that the recipe knows."""
        for name in subject.domain.benchmarks():
            suite = find_suite(subject.domain, name)
            for values in (suite.recipe, *(data.recipe for data in suite.datasets)):
                resolve_recipe([RecipeLayer(f"suite {name}", values)])
            for data in suite.datasets:
                subject.domain.resolve_recipe(name=data.named)

    def test_the_same_seed_makes_the_same_demo_data(self, subject: Subject, tmp_path: Path) -> None:
        """Byte by byte; another seed makes other files."""
        again = _files(subject.domain.make_demo_data(tmp_path / "again", SEED))
        other = _files(subject.domain.make_demo_data(tmp_path / "other", SEED + 1))
        first = _files(subject.data)
        _require(first.keys() == again.keys(), "make_demo_data names its files otherwise each time")
        changed = [name for name in first if first[name] != again[name]]
        _require(
            not changed,
            f"make_demo_data wrote {changed[:3]} differently with the same seed; take all "
            "randomness, identifiers and dates from it",
        )
        _require(first != other, "make_demo_data writes the same files for every seed; use it")

    def test_listing_the_cases_decodes_no_pixels(self, subject: Subject) -> None:
        """Ten thousand images are listed in a moment: pixels are read when they are asked for."""
        try:
            with no_pixels():
                subject.domain.load_cases(subject.data, subject.recipe)
        except PixelsDecodedError as error:
            _require(False, f"load_cases decodes pixels with {error}; do it in read_pixels")

    def test_cases_are_listed_in_the_same_order_each_time(self, subject: Subject) -> None:
        """Splits and seeds depend on it."""
        again = subject.domain.load_cases(subject.data, subject.recipe)
        _require(
            [case.id for case in again] == [case.id for case in subject.cases],
            "load_cases lists the cases in another order each time; sort them",
        )

    def test_pixels_and_objects_have_the_declared_shapes(self, subject: Subject) -> None:
        """Pixels are (C, H, W), objects lie in the image and have a class with a name."""
        _require(bool(subject.labelled(1)), "no object of the demo data is large enough to be used")
        for part in subject.parts:
            pixels = part.read_pixels()
            _require(
                pixels.ndim == 3 and pixels.dtype.kind in "uif",
                f"{part.id}: pixels must be real and (C, H, W) (a volume's (C, Z, H, W)), got "
                f"{pixels.dtype} of shape {pixels.shape}",
            )
            for item in part.read_objects() if part.read_objects else ():
                _require_object(part, item, (pixels.shape[1], pixels.shape[2]))

    def test_reading_twice_gives_the_same(self, subject: Subject) -> None:
        """Readers have no state, and nobody writes into what they gave."""
        for part in subject.labelled(2):
            np.testing.assert_array_equal(part.read_pixels(), part.read_pixels())
            first, second = (part.read_objects() if part.read_objects else () for _ in range(2))
            _require(
                [item.box.tolist() for item in first] == [item.box.tolist() for item in second],
                f"{part.id}: read_objects gives other objects the second time",
            )

    def test_the_normalised_image_is_what_a_model_expects(self, subject: Subject) -> None:
        """(3, H, W), float32, finite, in [0, 1]; the case's own pixels stay as they were."""
        normalizer = subject.domain.normalize_intensity(subject.recipe)
        for part in subject.labelled(3):
            pixels = part.read_pixels()
            before = pixels.copy()
            image = normalizer(pixels, statistics_of(part, pixels))
            np.testing.assert_array_equal(pixels, before, "the normaliser changes its input; copy")
            fits = image.shape == (3, *pixels.shape[1:]) and image.dtype == np.float32
            _require(
                fits, f"the normaliser must give float32 (3, H, W), got {image.dtype} {image.shape}"
            )
            _require(
                bool(np.isfinite(image).all()) and image.min() >= 0 and image.max() <= 1,
                f"{part.id}: the normalised image must be finite and in [0, 1]; clip it",
            )

    def test_a_constant_image_is_normalised_too(self, subject: Subject) -> None:
        """Blank images occur in every data set; they must not divide by zero."""
        normalizer = subject.domain.normalize_intensity(subject.recipe)
        (part,) = subject.labelled(1)
        pixels = np.full_like(part.read_pixels(), 7)
        blank = Case("blank", "blank", lambda: pixels, None, {1: "object"})
        image = normalizer(pixels, statistics_of(blank, pixels))
        _require(bool(np.isfinite(image).all()), "a constant image gives NaN; guard the division")

    def test_simulated_prompts_point_at_their_object(self, subject: Subject) -> None:
        """Clicks labelled 1 lie on the object, the others beside it, boxes meet it."""
        sampler = subject.domain.sample_prompts(subject.recipe)
        for part in subject.labelled(3):
            for item in subject.objects(part)[:5]:
                mask = item.mask()
                for seed in range(10):
                    prompts = sampler(mask, np.random.default_rng(seed), None)
                    _require_on_object(prompts, mask)
                    again = sampler(mask, np.random.default_rng(seed), None)
                    _require_same(prompts, again, "the prompt sampler")

    def test_proposed_prompts_lie_in_the_image(self, subject: Subject) -> None:
        """``segment --auto`` asks them of any image."""
        proposer = subject.domain.propose_prompts(subject.recipe)
        normalizer = subject.domain.normalize_intensity(subject.recipe)
        for part in subject.labelled(2):
            image = normalized_image(part, normalizer)
            proposed, again = proposer(image), proposer(image)
            _require(len(proposed) == len(again), "the proposer proposes others the second time")
            for prompts, same in zip(proposed, again, strict=True):
                _require_in_image(prompts, (image.shape[1], image.shape[2]))
                _require_same(prompts, same, "the proposer")

    def test_what_is_written_is_read_back_in_its_place(
        self, subject: Subject, tmp_path: Path
    ) -> None:
        """The writer keeps every pixel of every object, and the geometry of the image."""
        case = next(c for c in subject.cases if c.read_objects and c.read_objects())
        objects = case.read_objects() if case.read_objects else ()
        (again,) = self.labelled_again(subject, case, tmp_path)
        back = again.read_objects() if again.read_objects else ()
        _require(
            _places(back) == _places(objects),
            f"{case.id}: {len(objects)} objects were written, and {len(back)} were read back, not "
            "all in the same place; the writer loses pixels or moves them",
        )

    def test_an_image_without_objects_is_written_too(
        self, subject: Subject, tmp_path: Path
    ) -> None:
        """Nothing found is a result."""
        case = subject.cases[0]
        written = subject.domain.write_masks(subject.recipe)(case, (), tmp_path / "out")
        _require(bool(written), "the writer writes nothing for an image without objects")
        missing = [str(path) for path in written if not path.is_file()]
        _require(not missing, f"the writer names files that are not there: {missing}")
        strange = [str(path) for path in written if not path.is_relative_to(tmp_path / "out")]
        _require(
            not strange, f"the writer writes outside of the folder that it was given: {strange}"
        )

    def test_everything_works_in_a_spawned_worker(self, subject: Subject) -> None:
        """Readers, normaliser, sampler, proposer and writer travel, and do the same there."""
        work = Work.of(subject)
        here, there = do(work), do_in_worker(work)
        _require(
            math.isclose(here[0], there[0], rel_tol=1e-6) and here[1] == there[1],
            f"a worker reads {there} (mean, objects) where the main process reads {here}",
        )

    def test_every_recipe_trains_two_steps(self, subject: Subject, tmp_path: Path) -> None:
        """On the demo data with ``tiny``, on the CPU."""
        for name in sorted({*subject.domain.recipe_names()} - {*self.unfit}):
            loss = two_steps(subject, name, tmp_path / name)
            _require(math.isfinite(loss), f"recipe {name}: the loss of two steps is {loss}")


def _require(fits: bool, message: str) -> None:
    if not fits:
        pytest.fail(message, pytrace=False)


def _files(folder: Path) -> dict[str, bytes]:
    """Relative path → content of every file below a folder, or of the one file that it is."""
    root = folder if folder.is_dir() else folder.parent
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _require_object(part: Case, item: ObjectMask, size: Size) -> None:
    inside = item.image_size == size and item.crop.dtype == bool
    y, x = item.origin
    inside = inside and y >= 0 and x >= 0
    inside = inside and y + item.crop.shape[0] <= size[0] and x + item.crop.shape[1] <= size[1]
    _require(
        inside,
        f"{part.id}: an object of image size {item.image_size} at {item.origin} with a crop of "
        f"{item.crop.dtype} {item.crop.shape} does not lie in its image, which is {size}",
    )
    _require(
        item.class_id in part.classes,
        f"{part.id}: an object has class {item.class_id}, and the case names {dict(part.classes)}",
    )


def _require_on_object(prompts: Prompts, mask: Mask) -> None:
    _require_in_image(prompts, (mask.shape[0], mask.shape[1]))
    columns, rows = np.floor(prompts.points).astype(int).T.reshape(2, -1)
    _require(
        bool((mask[rows, columns] == (prompts.point_labels == 1)).all()),
        "the prompt sampler clicks beside the object with label 1, or on it with label 0",
    )
    if prompts.box is not None:
        x0, y0, x1, y1 = np.clip(np.rint(prompts.box), 0, None).astype(int)
        _require(bool(mask[y0:y1, x0:x1].any()), "the prompt sampler's box misses its object")


def _require_in_image(prompts: Prompts, size: Size) -> None:
    limits = np.array([size[1], size[0]])
    inside = bool((prompts.points >= 0).all() and (prompts.points < limits).all())
    if prompts.box is not None:
        corners = prompts.box.reshape(2, 2)
        inside = inside and bool((corners[0] < limits).all() and (corners[1] > 0).all())
    _require(inside, f"a prompt lies outside of its image of {size}: {prompts}")


def _require_same(first: Prompts, second: Prompts, who: str) -> None:
    same = np.array_equal(first.points, second.points) and np.array_equal(
        np.array(first.box, dtype=float), np.array(second.box, dtype=float), equal_nan=True
    )
    _require(same, f"{who} gives other prompts with the same seed; use only the rng it is given")


def _places(objects: Sequence[ObjectMask]) -> list[tuple[object, ...]]:
    """What tells objects apart, whatever their order: slice, place and pixels."""
    return sorted((item.slice_index or 0, item.origin, item.crop.tobytes()) for item in objects)
