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
from samdomains.chain import select_domain
from samdomains.data.naming import image_file, plain_stem
from samdomains.data.parts import normalized_image, statistics_of
from samdomains.discovery import find_domain
from samdomains.errors import PluginError, SamDomainsError
from samdomains.recipe_layers import RecipeLayer, resolve_recipe
from samdomains.testing.decoders import PixelsDecodedError, no_pixels
from samdomains.testing.deviation import require_reasons
from samdomains.testing.requirements import (
    blank_case,
    files_of,
    places,
    require,
    require_blank_is_normal,
    require_declared,
    require_light,
    require_normal,
    require_object,
    require_on_object,
    require_pixels,
    require_range,
    require_same,
    require_slices,
    require_well_made,
    require_windows,
)
from samdomains.testing.strategies import require_trainable
from samdomains.testing.subject import SEED, Subject, subject_of
from samdomains.testing.training import two_steps
from samdomains.testing.workers import Work, do, do_in_worker
from samdomains.types import Case

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
    "imageio",
    "h5py",
    "zarr",
    "pandas",
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
        """Refuse overridden checks, and unfit recipes, without a reason."""
        super().__init_subclass__()
        require_reasons(cls, DomainConformance)

    @pytest.fixture
    def domain(self) -> str:
        """The id of the domain: the one fixture that a subclass gives."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture `domain` that returns the id of the domain",
            pytrace=False,
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

    def test_its_hooks_are_known_and_rightly_declared(self, domain: str) -> None:
        """A hook of an unknown name would never be asked, one that is not decorated neither."""
        try:
            select_domain(domain)
        except PluginError as error:
            require(False, str(error))

    def test_its_distribution_says_which_versions_of_samdomains_it_supports(
        self, domain: str
    ) -> None:
        """From the oldest it works with to the first it was not tested with: docs/stability.md."""
        require_range(find_domain(domain))

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
        require(done.returncode == 0, f"the domain cannot be selected: {done.stderr[-800:]}")
        heavy = sorted(set(HEAVY) & set(json.loads(done.stdout)))
        require(not heavy, f"selecting it imports {', '.join(heavy)}; import them inside the hooks")

    def test_every_recipe_is_valid(self, subject: Subject) -> None:
        """Unknown keys and values out of range are found before a user finds them."""
        names = subject.domain.recipe_names()
        for name in names:
            try:
                subject.domain.resolve_recipe(name=name)
            except SamDomainsError as error:
                require(False, f"recipe '{name}': {error}")
        unknown = sorted({*self.unfit} - {*names})
        require(not unknown, f"`unfit` names {unknown}, and the recipes are {names}")

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
        again = files_of(subject.domain.make_demo_data(tmp_path / "again", SEED))
        other = files_of(subject.domain.make_demo_data(tmp_path / "other", SEED + 1))
        first = files_of(subject.data)
        require(first.keys() == again.keys(), "make_demo_data names its files otherwise each time")
        changed = [name for name in first if first[name] != again[name]]
        require(
            not changed,
            f"make_demo_data wrote {changed[:3]} differently with the same seed; take all "
            "randomness, identifiers and dates from it",
        )
        require(first != other, "make_demo_data writes the same files for every seed; use it")

    def test_listing_the_cases_decodes_no_pixels(self, subject: Subject) -> None:
        """Ten thousand images are listed in a moment: pixels are read when they are asked for."""
        with no_pixels() as decoded:
            try:
                cases = subject.domain.load_cases(subject.data, subject.recipe)
            except (PixelsDecodedError, PluginError) as error:
                require(bool(decoded), str(error))
        require(
            not decoded,
            f"load_cases decodes pixels with {', '.join(decoded)}; do it in read_pixels",
        )
        require(bool(cases), "load_cases finds no case in the demo data")
        require_light(cases[0], cases[0].read_pixels())

    def test_the_cases_are_declared_as_they_are(self, subject: Subject) -> None:
        """Ids, groups, classes, splits, files, depths and spacings have their types and values."""
        for case in subject.cases:
            require_declared(case)
            require(
                dict(case.classes) == dict(subject.cases[0].classes),
                f"load_cases gives '{case.id}' the classes {dict(case.classes)}, and others have "
                f"{dict(subject.cases[0].classes)}; they are the same for every case",
            )

    def test_cases_are_listed_in_the_same_order_each_time(self, subject: Subject) -> None:
        """Splits and seeds depend on it."""
        again = subject.domain.load_cases(subject.data, subject.recipe)
        require(
            [case.id for case in again] == [case.id for case in subject.cases],
            "load_cases lists the cases in another order each time; sort them",
        )

    def test_pixels_and_objects_have_the_declared_shapes(self, subject: Subject) -> None:
        """Pixels are (C, H, W), objects lie in the image and have a class with a name."""
        require(bool(subject.labelled(1)), "no object of the demo data is large enough to be used")
        for part in subject.parts:
            pixels = part.read_pixels()
            require_pixels(part, pixels)
            for item in part.read_objects() if part.read_objects else ():
                require_object(part, item, (pixels.shape[1], pixels.shape[2]))

    def test_windows_and_slices_give_what_the_whole_gives(self, subject: Subject) -> None:
        """Parts of large images and volumes are the same whichever way they are read."""
        case = subject.cases[0]
        if case.windows is not None:
            require_windows(case, case.read_pixels())
        require_slices(case)

    def test_reading_twice_gives_the_same(self, subject: Subject) -> None:
        """Readers have no state, and nobody writes into what they gave."""
        for part in subject.labelled(2):
            once, twice = part.read_pixels(), part.read_pixels()
            require(
                np.array_equal(once, twice, equal_nan=once.dtype.kind == "f"),
                f"{part.id}: read_pixels gives other pixels the second time; keep no state",
            )
            first, second = (part.read_objects() if part.read_objects else () for _ in range(2))
            require(
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
            require(
                np.array_equal(pixels, before, equal_nan=pixels.dtype.kind == "f"),
                "the normaliser changes its input; copy",
            )
            require_normal(part, image, pixels)

    def test_a_constant_image_is_normalised_too(self, subject: Subject) -> None:
        """Blank images occur in every data set; they must not divide by zero."""
        normalizer = subject.domain.normalize_intensity(subject.recipe)
        (part,) = subject.labelled(1)
        pixels = np.full_like(part.read_pixels(), 7)
        require_blank_is_normal(normalizer, pixels, statistics_of(blank_case(pixels), pixels))

    def test_simulated_prompts_point_at_their_object(self, subject: Subject) -> None:
        """Clicks labelled 1 lie on the object, the others beside it, boxes meet it."""
        sampler = subject.domain.sample_prompts(subject.recipe)
        for part in subject.labelled(3):
            for item in subject.objects(part)[:5]:
                mask = item.mask()
                for seed in range(10):
                    prompts = sampler(mask, np.random.default_rng(seed), None)
                    require_on_object(prompts, mask, "the prompt sampler")
                    again = sampler(mask, np.random.default_rng(seed), None)
                    require_same(prompts, again, "the prompt sampler")

    def test_corrections_point_at_what_is_wrong_or_right(self, subject: Subject) -> None:
        """In later rounds the sampler sees the last answer, and its clicks tell the truth too."""
        sampler = subject.domain.sample_prompts(subject.recipe)
        for part in subject.labelled(2):
            for item in subject.objects(part)[:3]:
                mask = item.mask()
                # An answer that misses a part of the object and finds a part of the background.
                moved = np.roll(mask, mask.shape[0] // 8, axis=0)
                answer = np.where(moved, 4, -4).astype(np.float32)
                for seed in range(5):
                    prompts = sampler(mask, np.random.default_rng(seed), answer)
                    require_on_object(prompts, mask, "the prompt sampler, correcting,")
                    again = sampler(mask, np.random.default_rng(seed), answer)
                    require_same(prompts, again, "the prompt sampler, correcting,")

    def test_proposed_prompts_lie_in_the_image(self, subject: Subject) -> None:
        """``segment --auto`` asks them of any image."""
        proposer = subject.domain.propose_prompts(subject.recipe)
        normalizer = subject.domain.normalize_intensity(subject.recipe)
        for part in subject.labelled(2):
            image = normalized_image(part, normalizer)
            proposed, again = proposer(image), proposer(image)
            require(len(proposed) == len(again), "the proposer proposes others the second time")
            for prompts, same in zip(proposed, again, strict=True):
                require_well_made(prompts, (image.shape[1], image.shape[2]), "the proposer")
                require_same(prompts, same, "the proposer")

    def test_the_chosen_strategy_can_be_trained(self, subject: Subject) -> None:
        """On a laptop and on a GPU; a strategy that the user fixed is kept."""
        require_trainable(subject.domain, subject.recipe)

    def test_what_is_written_is_read_back_in_its_place(
        self, subject: Subject, tmp_path: Path
    ) -> None:
        """The writer keeps every pixel of every object, and the geometry of the image."""
        case, objects = subject.first_with_objects()
        listed = self.labelled_again(subject, case, tmp_path)
        require(
            len(listed) == 1,
            f"{case.id}: what was written is listed as {len(listed)} cases, not as one",
        )
        again = listed[0]
        back = again.read_objects() if again.read_objects else ()
        require(
            again.spacing == case.spacing,
            f"{case.id}: its voxels are {case.spacing} mm, and {again.spacing} once written",
        )
        require(
            places(back) == places(objects),
            f"{case.id}: {len(objects)} objects were written, and {len(back)} were read back, not "
            "all in the same place; the writer loses pixels or moves them",
        )

    def test_an_image_without_objects_is_written_too(
        self, subject: Subject, tmp_path: Path
    ) -> None:
        """Nothing found is a result."""
        case = subject.cases[0]
        written = subject.domain.write_masks(subject.recipe)(case, (), tmp_path / "out")
        require(bool(written), "the writer writes nothing for an image without objects")
        missing = [str(path) for path in written if not path.is_file()]
        require(not missing, f"the writer names files that are not there: {missing}")
        strange = [str(path) for path in written if not path.is_relative_to(tmp_path / "out")]
        require(
            not strange, f"the writer writes outside of the folder that it was given: {strange}"
        )

    def test_everything_works_in_a_spawned_worker(self, subject: Subject) -> None:
        """Readers, normaliser, sampler, proposer and writer travel, and do the same there."""
        work = Work.of(subject)
        here, there = do(work), do_in_worker(work)
        require(
            math.isclose(here[0], there[0], rel_tol=1e-6) and here[1] == there[1],
            f"a worker reads {there} (mean, objects) where the main process reads {here}; keep no "
            "state outside of what load_cases and normalize_intensity return",
        )

    def test_every_recipe_trains_two_steps(self, subject: Subject, tmp_path: Path) -> None:
        """On the demo data with ``tiny``, on the CPU."""
        for name in sorted({*subject.domain.recipe_names()} - {*self.unfit}):
            loss = two_steps(subject, name, tmp_path / name)
            require(
                math.isfinite(loss),
                f"recipe '{name}': the loss of two steps is {loss}; lower training.learning_rate, "
                "or look at what the normaliser gives",
            )
