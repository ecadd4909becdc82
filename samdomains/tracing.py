"""What each hook of a domain got and gave for one case, for `samdomains explain --trace`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from samdomains.chain import Domain, HookAnswer
from samdomains.data.naming import named_errors
from samdomains.data.parts import in_parts, place_of, statistics_of
from samdomains.descriptions import Description, describe
from samdomains.errors import SamDomainsError, UsageError, did_you_mean
from samdomains.facts import Facts
from samdomains.files import write_json
from samdomains.recipe import Recipe
from samdomains.reports.figures import Panel, case_panels
from samdomains.reports.pages import rendered, write_page
from samdomains.sam.devices import best_device, computes_in_bf16, free_memory
from samdomains.sam.models import ARCHITECTURES, parameter_count
from samdomains.types import Case, Image, ObjectMask, Prompts, RawImage

MOST_LOOKED_AT = 20
"""Cases that are looked at for one with objects."""

MOST_PROMPTED = 12
"""Objects that prompts are simulated for."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One call of a hook, or of what it returned.

    Attributes:
        hook: Name of the hook.
        call: What was called.
        layer: The layer that answers.
        where: File and line of the implementation.
        got: Argument → its description.
        gave: Description of the answer.
        seconds: How long it took; None where nothing was called.
    """

    hook: str
    call: str
    layer: str
    where: str
    got: Mapping[str, Description]
    gave: Description
    seconds: float | None

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "hook": self.hook,
            "call": self.call,
            "layer": self.layer,
            "where": self.where,
            "got": {name: dict(value.facts) for name, value in self.got.items()},
            "gave": dict(self.gave.facts),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """All calls for one case, as far as they went.

    Attributes:
        domain: The domain's id.
        distribution: Its distribution and version.
        source: The data.
        case: Id of the image, slice or tile that was looked at; empty if none was reached.
        steps: In the order of a run.
        panels: Pictures: what is stored, the normalised image with prompts, the proposals.
        error: What stopped it, or None.
    """

    domain: str
    distribution: str
    source: Path
    case: str
    steps: tuple[TraceStep, ...]
    panels: tuple[Panel, ...]
    error: SamDomainsError | None

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "schema": 1,
            "domain": self.domain,
            "distribution": self.distribution,
            "source": str(self.source),
            "case": self.case,
            "steps": [step.to_json() for step in self.steps],
            "error": None if self.error is None else str(self.error),
        }


def trace_case(
    domain: Domain,
    source: Path | None,
    recipe: Recipe,
    *,
    case: str | None = None,
    out: Path | None = None,
) -> Trace:
    """Ask each hook of a domain once, about one case, in the order of a run.

    Args:
        domain: The domain.
        source: The data; None makes the domain's demo data.
        recipe: The resolved recipe.
        case: Id of the case, slice or tile; None takes the first with objects.
        out: Folder for the masks that are written, in ``masks/``; None forgets them.

    Returns:
        The calls until the end, or until the first error.

    Raises:
        UsageError: There is no case of that id.
    """
    with tempfile.TemporaryDirectory(prefix="trace-") as folder:
        tracer = _Tracer(domain, recipe, Path(folder) / "data", (out or Path(folder)) / "masks")
        error = None
        try:
            tracer.follow(source, case)
        except UsageError:
            raise
        except SamDomainsError as stopped:
            error = stopped
        return Trace(
            domain.name,
            f"{domain.distribution} {domain.version}",
            tracer.source,
            tracer.case,
            tuple(tracer.steps),
            tuple(tracer.panels),
            error,
        )


def write_trace(trace: Trace, out: Path) -> None:
    """Write ``trace.json``, and ``trace.html`` with the pictures."""
    write_json(out / "trace.json", trace.to_json())
    write_page(out / "trace.html", rendered("trace.html.j2", trace=trace))


@dataclass
class _Tracer:
    """Calls the hooks, and keeps what they got and gave."""

    domain: Domain
    recipe: Recipe
    demo: Path
    masks: Path
    source: Path = Path()
    case: str = ""
    steps: list[TraceStep] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._answers = {answer.hook: answer for answer in self.domain.explain()}

    def follow(self, source: Path | None, case: str | None) -> None:
        """The way of one case through the hooks."""
        domain, recipe = self.domain, self.recipe
        self._step("recipes", "recipes()", {}, domain.recipe_names)
        self.source = self._demo_data() if source is None else source
        cases = self._step(
            "load_cases",
            "load_cases(source, recipe)",
            {"source": self.source, "recipe.data": recipe.data},
            lambda: domain.load_cases(self.source, recipe),
        )
        part = _chosen(cases, recipe, case)
        self.case = part.id
        pixels, objects = self._read(part)
        image = self._normalise(part, pixels)
        self._prompt(part, image, objects)
        self._propose(part, image)
        self._choose(cases, objects)
        self._write(part, objects)
        self._step("benchmarks", "benchmarks()", {}, domain.benchmarks)

    def _demo_data(self) -> Path:
        arguments = {"directory": self.demo, "seed": self.recipe.seed}
        return self._step(
            "make_demo_data",
            "make_demo_data(directory, seed)",
            arguments,
            lambda: self.domain.make_demo_data(self.demo, self.recipe.seed),
        )

    def _read(self, part: Case) -> tuple[RawImage, tuple[ObjectMask, ...]]:
        place = place_of(part)
        of = {"case": part} if not place else {"case": part, "part": place}
        pixels = self._step("load_cases", "case.read_pixels()", of, part.read_pixels)
        if part.read_objects is None:
            self._skip("load_cases", "case.read_objects()", "the case has no annotation")
            return pixels, ()
        return pixels, self._step("load_cases", "case.read_objects()", of, part.read_objects)

    def _normalise(self, part: Case, pixels: RawImage) -> Image:
        hook, values = "normalize_intensity", {"recipe.intensity": self.recipe.intensity}
        normalizer = self._step(
            hook,
            "normalize_intensity(recipe)",
            values,
            lambda: self.domain.normalize_intensity(self.recipe),
        )
        self.panels.append(_panel("Stored, from darkest to brightest", _stretched(pixels)))
        with named_errors(part):
            statistics = statistics_of(part, pixels)
            got = {"pixels": pixels, "statistics": statistics}
            return self._step(
                hook, "normaliser(pixels, statistics)", got, lambda: normalizer(pixels, statistics)
            )

    def _prompt(self, part: Case, image: Image, objects: Sequence[ObjectMask]) -> None:
        hook = "sample_prompts"
        sampler = self._step(
            hook,
            "sample_prompts(recipe)",
            {"recipe.prompts": self.recipe.prompts},
            lambda: self.domain.sample_prompts(self.recipe),
        )
        shown = [item for item in objects if not item.crowd][:MOST_PROMPTED]
        prompts: list[Prompts] = []
        with named_errors(part):
            for number, item in enumerate(shown):
                mask, rng = item.mask(), np.random.default_rng([self.recipe.seed, number])
                call = f"sampler(mask of object {number}, rng, None)"

                def ask(mask: Any = mask, rng: Any = rng) -> Prompts:  # noqa: ANN401 (bound now)
                    return sampler(mask, rng, None)

                prompts.append(self._step(hook, call, {"mask": mask}, ask))
        if not shown:
            self._skip(hook, "sampler(mask, rng, None)", "the case has no object")
        asked, true = case_panels(
            image, prompts=prompts, truth=(item.mask() for item in shown), predictions={}
        )
        if len(shown) < len(objects):
            true = replace(true, label=f"Truth, {len(shown)} of {len(objects)} objects")
        self.panels += [replace(asked, label="Normalised, with simulated prompts"), true]

    def _propose(self, part: Case, image: Image) -> None:
        hook = "propose_prompts"
        proposer = self._step(
            hook,
            "propose_prompts(recipe)",
            {"recipe.auto": self.recipe.auto},
            lambda: self.domain.propose_prompts(self.recipe),
        )
        with named_errors(part):
            proposed = self._step(
                hook, "proposer(image)", {"image": image}, lambda: list(proposer(image))
            )
        self.panels.append(_panel(f"Proposed prompts, {len(proposed)}", image, proposed))

    def _choose(self, cases: Sequence[Case], objects: Sequence[ObjectMask]) -> None:
        """As if every case had as many objects as this one: the others are not read."""
        name, device = self.recipe.model.name, best_device()
        facts = Facts(
            model=name,
            parameters=parameter_count(name),
            input_size=ARCHITECTURES[name].image_size,
            train_cases=len(cases),
            train_objects=len(cases) * max(1, len(objects)),
            device=device.type,
            memory_bytes=free_memory(device),
            bf16=computes_in_bf16(device),
        )
        self._step(
            "choose_strategy",
            "choose_strategy(recipe, facts)",
            {"recipe.strategy": self.recipe.strategy, "facts": facts},
            lambda: self.domain.choose_strategy(self.recipe, facts),
        )

    def _write(self, part: Case, objects: Sequence[ObjectMask]) -> None:
        """The whole case is written, whichever part of it was looked at."""
        writer = self._step(
            "write_masks",
            "write_masks(recipe)",
            {"recipe.data.output": self.recipe.data.output},
            lambda: self.domain.write_masks(self.recipe),
        )
        whole, out = part, self.masks
        if part.slice_of is not None:
            whole = part.slice_of.volume
            objects = [replace(item, slice_index=part.slice_of.index) for item in objects]
        elif part.tile_of is not None:
            self._skip("write_masks", "writer(case, objects, out)", "a tile is not written alone")
            return
        got = {"case": whole, "objects": objects, "out": out}
        self._step(
            "write_masks",
            "writer(case, objects, out)",
            got,
            lambda: list(writer(whole, objects, out)),
        )

    def _step(
        self, hook: str, call: str, got: Mapping[str, object], function: Callable[[], Value]
    ) -> Value:
        described = {name: describe(value) for name, value in got.items()}
        layer, where = _who(self._answers[hook])
        begun = time.perf_counter()
        try:
            answer = function()
        except SamDomainsError as error:
            gave = Description(f"error: {error}", {"error": str(error)})
            seconds = time.perf_counter() - begun
            self.steps.append(TraceStep(hook, call, layer, where, described, gave, seconds))
            raise
        seconds = time.perf_counter() - begun
        gave = describe(answer)
        self.steps.append(TraceStep(hook, call, layer, where, described, gave, seconds))
        return answer

    def _skip(self, hook: str, call: str, why: str) -> None:
        layer, where = _who(self._answers[hook])
        gave = Description(f"not called: {why}", {"not_called": why})
        self.steps.append(TraceStep(hook, call, layer, where, {}, gave, None))


def _who(answer: HookAnswer) -> tuple[str, str]:
    """Layer, file and line of the implementation that is asked first."""
    if not answer.implementations:
        return "none", ""
    first = answer.implementations[0]
    return first.layer, f"{first.file}:{first.line}"


def _chosen(cases: Sequence[Case], recipe: Recipe, wanted: str | None) -> Case:
    """The image, slice or tile that is looked at: the one that is named, or one with objects."""
    if wanted is not None:
        named = [case for case in cases if case.id == wanted]
        parts = in_parts(named or cases, recipe.scene)
        exact = [part for part in parts if part.id == wanted]
        if not named and not exact:
            ids = [case.id for case in cases]
            shown = ", ".join(ids[:5])
            raise UsageError(
                f"no case '{wanted}'.{did_you_mean(wanted, ids)} There are {len(ids)}: {shown}, …"
            )
        return exact[0] if exact else _richest(parts)
    for case in cases[:MOST_LOOKED_AT]:
        part = _richest(in_parts((case,), recipe.scene))
        if part.read_objects is not None and part.read_objects():
            return part
    if not cases:
        raise UsageError("the data holds no case. Name a folder with images")
    return in_parts(cases[:1], recipe.scene)[0]


def _richest(parts: Sequence[Case]) -> Case:
    """The part that shows the most pixels of objects."""
    if len(parts) == 1:
        return parts[0]

    def shown(part: Case) -> int:
        return sum(item.area for item in (part.read_objects() if part.read_objects else ()))

    return max(parts, key=shown)


def _panel(label: str, image: Image, prompts: Sequence[Prompts] = ()) -> Panel:
    return replace(case_panels(image, prompts=prompts, truth=(), predictions={})[0], label=label)


def _stretched(pixels: RawImage) -> Image:
    """Stored pixels from their darkest to their brightest value, for a picture: (3, H, W)."""
    chosen = pixels[:3] if len(pixels) >= 3 else np.repeat(pixels[:1], 3, axis=0)
    values = np.nan_to_num(chosen.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    scaled: Image = ((values - low) / max(high - low, 1e-12)).astype(np.float32)
    return scaled
