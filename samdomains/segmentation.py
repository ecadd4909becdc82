"""Segmenting new images and volumes, and writing the masks where the user wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.checking import Tell, silent
from samdomains.data.naming import image_file, named_errors
from samdomains.data.parts import statistics_of
from samdomains.data.scenes import is_scene
from samdomains.data.writers import file_stem
from samdomains.errors import SamDomainsError, UsageError
from samdomains.inference import Model
from samdomains.manifest import Entry, Manifest, SharedManifest
from samdomains.mask_target import Target, recipe_for
from samdomains.processes import current_processes
from samdomains.progress import progress_bar
from samdomains.prompts.parsing import ObjectPrompt, VolumePrompt, by_object
from samdomains.protocols import MaskWriter
from samdomains.recipe import Recipe
from samdomains.scene_segmentation import KeptTiles, found_in_scene
from samdomains.types import Case, ObjectMask
from samdomains.volume_segmentation import (
    NOTHING_BESIDE,
    Beside,
    Followed,
    StoppedInVolume,
    doubt_levels,
    followed_in_volume,
    found_in_volume,
    require_fitting,
    suggestion_for,
)

MANIFEST = "manifest.csv"


def segment(
    model: Model,
    source: Path | str,
    prompts: Sequence[ObjectPrompt] | None = None,
    *,
    out: Path | str,
    resume: bool = False,
    beside: Beside = NOTHING_BESIDE,
    tell: Tell = silent,
) -> list[Path]:
    """Segment images, volumes or scenes and write the masks in the domain's native format.

    A folder of several gets a ``manifest.csv`` beside the masks: what became of each image, and
    which need a human look (``recipe.review``). One that cannot be segmented does not stop the
    others. A scene larger than memory is taken tile by tile. Several processes
    (``accelerate launch``) divide a folder among them.

    Args:
        model: From ``load_model``.
        source: An image, a volume or a folder of them; their annotation, if there is any, is not
            read.
        prompts: One per object, the same for every image. In a volume each names its slice, and
            the object is followed from there through all that show it. None segments without a
            human: the domain proposes prompts, and sure answers are kept; those of neighbouring
            slices are put together.
        out: A folder for the masks; or, for a single image, the file itself, whose suffix then
            chooses the format where the domain has it and ``data.output`` is ``native``.
        resume: Go on where an interrupted call with the same arguments stopped: images in the
            manifest and finished tiles of a scene are not segmented again.
        beside: What is wanted beside the masks of a volume.
        tell: Takes one line about what happens now.

    Returns:
        The files written. An image in which nothing is found gets an empty mask.

    Raises:
        DataError: An image cannot be read; of several, after the others are done.
        RunDirectoryError: There is something else to resume than this.
        UsageError: A prompt lies outside an image or in no slice, or ``out`` would overwrite what
            is segmented.
    """
    cases = model.domain.load_cases(Path(source), model.recipe)
    target = Target.of(Path(out), cases)
    writer = model.domain.write_masks(recipe_for(model.recipe, target.file))
    require_fitting(beside, cases, prompts, model.recipe)
    job = _Job(model, prompts, target, writer, resume, beside, tell)
    if len(cases) == 1:
        return current_processes().from_main(lambda: job.segment_one(cases[0])[1])
    return job.segment_all(cases)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What one call of ``segment`` does with each of its cases."""

    model: Model
    prompts: Sequence[ObjectPrompt] | None
    target: Target
    writer: MaskWriter
    resume: bool
    beside: Beside
    tell: Tell

    def segment_all(self, cases: Sequence[Case]) -> list[Path]:
        """Segment several cases, and say in the manifest what became of each."""
        folder, processes = self.target.folder, current_processes()
        manifest = SharedManifest(folder / MANIFEST, processes, resume=self.resume)
        finished = manifest.finished()
        mine = [case for case in processes.share(cases) if case.id not in finished]
        parts = processes.gather(lambda: self._segment_each(mine, manifest.own))
        entries = manifest.complete([case.id for case in cases])
        failed = [error for _, errors in parts for error in errors]
        processes.from_main(lambda: _require_none(failed, len(cases), folder / MANIFEST))
        waiting = sum(bool(entry.review) for entry in entries)
        self.tell(f"{folder / MANIFEST}: {waiting} of {len(cases)} images need a human look")
        return [path for paths, _ in parts for path in paths]

    def _segment_each(
        self, cases: Sequence[Case], manifest: Manifest
    ) -> tuple[list[Path], list[SamDomainsError]]:
        """The files written, and what went wrong with those that could not be segmented."""
        folder, written, failed = self.target.folder, list[Path](), list[SamDomainsError]()
        with progress_bar("segmenting", len(cases)) as show:
            for done, case in enumerate(cases, start=1):
                try:
                    objects, files = self.segment_one(case)
                except UsageError:
                    raise
                except SamDomainsError as error:
                    failed.append(error)
                    manifest.add(Entry(case.id, "failed", 0, None, (str(error),), ()))
                else:
                    written += files
                    manifest.add(_entry(case.id, objects, files, folder, self.model.recipe))
                show(done)
        return written, failed

    def segment_one(self, case: Case) -> tuple[Sequence[ObjectMask], list[Path]]:
        """Segment one image, volume or scene: its objects, and the files written."""
        kept = KeptTiles(self.target.folder / f".tiles-{file_stem(case)}")
        stopped = None
        try:
            objects = self._found(case, kept)
        except StoppedInVolume as stop:
            objects, stopped = stop.found, stop
        if not objects:
            hint = "nothing was found there; try another prompt"
            self.tell(f"{image_file(case)}: {hint if self.prompts else 'nothing was found'}")
        classed = _with_classes(case, objects, self.prompts)
        files = list(self.target.write(self.writer, classed, objects))
        kept.discard()
        if stopped is not None:
            self.tell(f"interrupted; {files[0]} holds what was found until then")
            raise stopped
        return objects, files

    def _found(self, case: Case, kept: KeptTiles) -> list[ObjectMask]:
        """The objects of one image, volume or scene, those without a pixel left out."""
        model, prompts = self.model, self.prompts
        _require_slices(case, prompts)
        if case.depth is not None:
            return self._found_in_volume(case)
        if is_scene(case, model.recipe.scene):
            asked = None if prompts is None else [item.prompts for item in prompts]
            pairs = found_in_scene(model, case, asked, kept, resume=self.resume)
            if prompts is None:
                return [item for _, item in pairs]
            return [replace(item, class_id=_class_of(prompts[i])) for i, item in pairs]
        if prompts is None:
            pixels = case.read_pixels()
            with named_errors(case):
                return model.automatic(pixels, statistics_of(case, pixels))
        found = _found_in_image(model, case, dict(enumerate(prompts)))
        return [found[i] for i in sorted(found)]

    def _found_in_volume(self, case: Case) -> list[ObjectMask]:
        """Cross-sections of the objects of a volume; the doubt about them is written beside."""
        if self.prompts is None:
            return found_in_volume(self.model, case)
        asked = by_object(self.prompts)
        found = followed_in_volume(self.model, case, asked)
        sections = [
            replace(item, instance=number, class_id=_class_of(asked[number - 1]))
            for number, followed in enumerate(found.objects, start=1)
            for item in followed.sections
        ]
        if found.interrupted:
            raise StoppedInVolume(sections)
        self._tell_more(case, found, asked)
        return sections

    def _tell_more(self, case: Case, found: Followed, asked: Sequence[VolumePrompt]) -> None:
        """What the user wants to know beside the masks."""
        if self.beside.suggest:
            for number, followed in enumerate(found.objects, start=1):
                self.tell(suggestion_for(followed, number, len(asked)))
        if self.beside.doubt is not None:
            target = Target(self.beside.doubt.parent, self.beside.doubt)
            levels = doubt_levels(found)
            named = {item.class_id: f"doubt {item.class_id} percent" for item in levels}
            writer = self.model.domain.write_masks(recipe_for(self.model.recipe, target.file))
            target.write(writer, replace(case, classes=named or {UNNAMED: "doubt"}), levels)


def _found_in_image(
    model: Model, case: Case, prompts: Mapping[int, ObjectPrompt]
) -> dict[int, ObjectMask]:
    """Number of the prompt → its object.

    An answer covers its window, an object only itself: each is cropped before the next is asked.
    """
    found: dict[int, ObjectMask] = {}
    numbers, pixels = list(prompts), case.read_pixels()
    asked = [item.prompts for item in prompts.values()]
    statistics = statistics_of(case, pixels)
    with named_errors(case):
        for i, answer in model.answers(pixels, asked, statistics):
            if (answer.logits > 0).any():
                class_id = _class_of(prompts[numbers[i]])
                found[numbers[i]] = ObjectMask.from_prediction(answer, class_id=class_id)
    return found


def _entry(
    name: str,
    objects: Sequence[ObjectMask],
    files: Sequence[Path],
    folder: Path,
    recipe: Recipe,
) -> Entry:
    """The manifest's line about one image that was segmented."""
    scores = [item.score for item in objects if item.score is not None]
    lowest = min(scores) if scores else None
    reasons = ["nothing was found"] if recipe.review.empty and not objects else []
    if lowest is not None and lowest < recipe.doubtful:
        reasons.append(f"predicted IoU {lowest:.2f} is below {recipe.doubtful:g}")
    if recipe.review.border and any(_cut(item) for item in objects):
        reasons.append("cut by the border of the image")
    relative = tuple(path.relative_to(folder).as_posix() for path in files)
    return Entry(name, "done", len(objects), lowest, tuple(reasons), relative)


def _cut(item: ObjectMask) -> bool:
    """Whether an object reaches the border of its image."""
    height, width = item.image_size
    x0, y0, x1, y1 = item.box
    return bool(x0 <= 0 or y0 <= 0 or x1 >= width or y1 >= height)


def _require_none(failed: Sequence[SamDomainsError], count: int, manifest: Path) -> None:
    """Raise one error for all images that could not be segmented."""
    if failed:
        raise SamDomainsError(
            f"{len(failed)} of {count} images could not be segmented, the first: {failed[0]} "
            f"The others are done; {manifest} says what became of each"
        )


def _require_slices(case: Case, prompts: Sequence[ObjectPrompt] | None) -> None:
    """Refuse a slice in an image, and a volume's prompt without a slice of it."""
    if prompts is None:
        return
    for index in (item.slice_index for item in prompts):
        if case.depth is None and index is not None:
            raise UsageError(
                f"{image_file(case)}: is an image, and a prompt names slice {index}. "
                "Write it without @slice"
            )
        if case.depth is not None and index is None:
            raise UsageError(
                f"{image_file(case)}: is a volume of {case.depth} slices, and a prompt names none. "
                'Write --box x0,y0,x1,y1@slice, --point x,y@slice:1 or, in JSON, "slice": 0'
            )
        if case.depth is not None and index is not None and index >= case.depth:
            raise UsageError(
                f"{image_file(case)}: has no slice {index}; allowed are 0 to {case.depth - 1}"
            )


UNNAMED = 1
"""Class of objects that nobody gave one."""


def _class_of(prompt: ObjectPrompt | VolumePrompt) -> int:
    return UNNAMED if prompt.class_id is None else prompt.class_id


def _with_classes(
    case: Case, objects: Sequence[ObjectMask], prompts: Sequence[ObjectPrompt] | None
) -> Case:
    """The case with a name for every class of its objects.

    Where the data has several classes and the user names none, an object is just an object.
    """
    named = any(prompt.class_id is not None for prompt in prompts or ())
    if not named and len(case.classes) > 1:
        return replace(case, classes={UNNAMED: "object"})
    unnamed = {item.class_id for item in objects} - set(case.classes)
    return replace(case, classes={**case.classes, **{i: f"class {i}" for i in sorted(unnamed)}})
