"""What a run decides before it trains: data, parts, base model and strategy, kept in its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from samdomains.audit.findings import Audit
from samdomains.chain import Domain
from samdomains.checking import Tell, check_cases, counted, require_no_errors, silent
from samdomains.data.parts import in_parts
from samdomains.data.splits import CaseSplits, split_cases, with_fewer_images
from samdomains.errors import DataError, RecipeError, RunDirectoryError
from samdomains.facts import Facts, StrategyChoice
from samdomains.files import write_json, write_text
from samdomains.inference import checkpoint_of
from samdomains.processes import current_processes
from samdomains.recipe import Recipe
from samdomains.recipe_layers import (
    RecipeLayer,
    ResolvedRecipe,
    dotted_values,
    read_recipe_file,
    recipe_to_yaml,
    resolve_recipe,
)
from samdomains.run_directory import RunDirectory
from samdomains.sam.checkpoints import BaseModel, load_base
from samdomains.sam.devices import best_device, computes_in_bf16, free_memory
from samdomains.sam.models import ARCHITECTURES
from samdomains.strategy_choice import estimate_memory
from samdomains.training.dataset import views_of
from samdomains.training.fitting import UNDOUBTED, fit, without_measuring
from samdomains.training.memory import release_memory
from samdomains.training.neighbours import NeighbourPrompts
from samdomains.training.probe import MeasuredMemory, measure_memory
from samdomains.types import Case, StrategyName

WITHOUT_EFFECT = {"training.workers"}
"""Values of a recipe on which no result depends, so that a resumed run may have others."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is known before training begins.

    Attributes:
        domain: The selected domain.
        resolved: The recipe and the origin of its values.
        base: The model to tune.
        audit: What the check found.
        splits: The cases of each part.
        choice: Strategy, batch size, precision and the reasons.
        directory: Where the run is kept.
    """

    domain: Domain
    resolved: ResolvedRecipe
    base: BaseModel
    audit: Audit
    splits: CaseSplits
    choice: StrategyChoice
    directory: RunDirectory

    @property
    def recipe(self) -> Recipe:
        """All values of the run."""
        return self.resolved.recipe

    @property
    def checkpoint(self) -> Path | None:
        """The file that the recipe names for the base's weights."""
        return checkpoint_of(self.recipe)


def prepare(
    domain: Domain,
    resolved: ResolvedRecipe,
    source: Path | None,
    directory: RunDirectory,
    *,
    check: bool = True,
    tell: Tell = silent,
) -> Plan:
    """List, check and divide the data, load the base model, choose the strategy.

    Args:
        domain: The selected domain.
        resolved: The recipe.
        source: The labelled data; None generates the domain's demo data inside the run.
        directory: Where the run is kept.
        check: Stop when the audit finds errors.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: The data or the checkpoint is not fit to be used, or a resumed run began
            with others; says what to do.
    """
    recipe = resolved.recipe
    _require_possible_precision(recipe)
    processes = current_processes()
    data = source or processes.from_main(lambda: _demo_data(domain, directory, recipe.seed))
    cases = in_parts(domain.load_cases(data, recipe), recipe.scene)
    with processes.one_by_one():
        base = load_base(recipe.model.name, checkpoint_of(recipe))
    audit = processes.from_main(lambda: _audit(cases, recipe, data, check=check, tell=tell))
    splits = split_cases(cases, recipe.data, recipe.seed, empty=audit.empty)
    if recipe.data.train_images is not None:
        count, seed = recipe.data.train_images, recipe.seed
        splits = with_fewer_images(splits, count, seed, empty=audit.empty)
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    sizes = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
    tell(f"split: {sizes}. {splits.how}")
    processes.from_main(lambda: _require_objects(parts, recipe, data))
    choice = processes.from_main(
        lambda: (
            _kept_strategy(directory, domain, base)
            or _choose_strategy(domain, recipe, base, splits.train, tell)
        )
    )
    # Sets MKL's as well, which MKL else chooses anew as it computes.
    torch.set_num_threads(processes.from_main(lambda: _kept_threads(directory)))
    tell(f"strategy: {choice.name}. {' '.join(choice.reasons)}")
    return Plan(domain, resolved, base, audit, splits, choice, directory)


def keep_recipe(directory: RunDirectory, resolved: ResolvedRecipe) -> None:
    """Write the recipe of a run: its first file, by which ``--resume`` knows it.

    Raises:
        OSError: It cannot be written.
    """
    if not directory.recipe.exists():
        write_text(directory.recipe, recipe_to_yaml(resolved, with_origins=True))


def begin(plan: Plan) -> None:
    """Write what was decided into the run's folder.

    Raises:
        RunDirectoryError: The folder holds a run with other parts.
    """
    directory, parts = plan.directory, plan.splits.to_json()
    if directory.split.exists() and json.loads(directory.split.read_text("utf-8")) != parts:
        raise RunDirectoryError(
            f"{directory.split}: the run began with other images. "
            "Resume with the same data, or start a new run in another folder."
        )
    write_json(directory.explain, [asdict(answer) for answer in plan.domain.explain()])
    write_json(directory.split, parts)
    kept = {
        "choice": asdict(plan.choice),
        "threads": torch.get_num_threads(),
        **_foundation(plan.domain, plan.base),
    }
    write_json(directory.strategy, kept)


def require_same_recipe(directory: RunDirectory, resolved: ResolvedRecipe) -> None:
    """Refuse to resume a run with other values than it began with, those without effect aside.

    Raises:
        RunDirectoryError: The folder holds no run, or a value differs; names the values.
        RecipeError: The run's ``recipe.yaml`` is damaged.
    """
    directory.require_run()
    if not directory.recipe.exists():
        return
    layer = RecipeLayer(str(directory.recipe), read_recipe_file(directory.recipe))
    earlier = dict(dotted_values(resolve_recipe([layer]).recipe))
    changed = [
        key
        for key, value in dotted_values(resolved.recipe)
        if value != earlier[key] and key not in WITHOUT_EFFECT
    ]
    if changed:
        raise RunDirectoryError(
            f"{directory.recipe}: the run began with other values ({', '.join(changed)}). "
            "Resume with the same arguments, or start a new run in another folder."
        )


def _audit(
    cases: Sequence[Case], recipe: Recipe, source: Path, *, check: bool, tell: Tell
) -> Audit:
    """Audit the data, and stop where it finds errors unless nobody wants to know of them."""
    audit = check_cases(cases, recipe, tell=tell)
    if check:
        require_no_errors(audit, source)
    return audit


def _demo_data(domain: Domain, directory: RunDirectory, seed: int) -> Path:
    """Generate the domain's demo data inside the run, or again where a run is resumed."""
    if directory.demo_data.exists():
        shutil.rmtree(directory.demo_data)
    return domain.make_demo_data(directory.demo_data, seed)


def _require_objects(parts: Mapping[str, Sequence[Case]], recipe: Recipe, source: Path) -> None:
    """Refuse a part that holds nothing to learn from or to score."""
    minimum = recipe.data.minimum_area
    for name, cases in parts.items():
        if not any(_has_objects(case, minimum) for case in cases):
            raise DataError(
                source,
                f"none of the {counted(len(cases), 'image')} in the part '{name}' holds an object "
                f"of {minimum} pixels or more",
                "Label more images, or divide them otherwise with splits.json or --seed.",
            )


def _has_objects(case: Case, minimum_area: int) -> bool:
    objects = case.read_objects() if case.read_objects else ()
    return any(not item.crowd and item.area >= minimum_area for item in objects)


def _require_possible_precision(recipe: Recipe) -> None:
    """Refuse fp16 on a CPU, where accelerate has no scaler of losses for it."""
    if recipe.training.precision == "fp16" and best_device().type == "cpu":
        raise RecipeError(
            "training.precision is fp16, which needs a GPU, and there is none; "
            "allowed here: auto, no, bf16"
        )


def _foundation(domain: Domain, base: BaseModel) -> dict[str, str]:
    """What a run is built on beside data and recipe: base weights, and who prepares the images."""
    return {"base_sha256": base.sha256, "normalizer": domain.winner("normalize_intensity")}


def _kept_strategy(
    directory: RunDirectory, domain: Domain, base: BaseModel
) -> StrategyChoice | None:
    """The choice that a resumed run began with: free memory may be another by now.

    Raises:
        RunDirectoryError: The run began with other base weights, or with images prepared otherwise.
    """
    if not directory.strategy.exists():
        return None
    kept = json.loads(directory.strategy.read_text(encoding="utf-8"))
    for key, now in _foundation(domain, base).items():
        if kept.get(key) != now:
            what = "base weights" if key == "base_sha256" else "preparation of the images"
            raise RunDirectoryError(
                f"{directory.strategy}: the run began with other {what} "
                f"({kept.get(key)}, now {now}). "
                "Resume with the same --checkpoint and --plugin, or start a new run"
            )
    choice = kept["choice"]
    return StrategyChoice(**choice | {"reasons": tuple(choice["reasons"])})


def _kept_threads(directory: RunDirectory) -> int:
    """The number of threads that a resumed run began with; that of this machine in a new one.

    A CPU's sums differ by it in the last bit.
    """
    if not directory.strategy.exists():
        return torch.get_num_threads()
    return int(json.loads(directory.strategy.read_text(encoding="utf-8"))["threads"])


def _choose_strategy(
    domain: Domain, recipe: Recipe, base: BaseModel, train: Sequence[Case], tell: Tell
) -> StrategyChoice:
    """What the domain wants, fitted to the machine unless the domain did that itself."""
    device = best_device()
    facts = Facts(
        model=base.name,
        parameters=sum(p.numel() for p in base.sam.parameters()),
        input_size=ARCHITECTURES[base.name].image_size,
        train_cases=len(train),
        train_objects=sum(len(case.read_objects()) for case in train if case.read_objects),
        device=device.type,
        memory_bytes=free_memory(device),
        bf16=computes_in_bf16(device),
    )
    choice = domain.choose_strategy(recipe, facts)
    if choice.images_at_once is not None:
        return choice
    estimate = estimate_memory(
        choice.name, facts, recipe, images=choice.batch_size, precision=choice.precision
    )
    if estimate <= UNDOUBTED * facts.memory_bytes:
        return without_measuring(choice)
    tell(f"memory: measuring what {choice.name} takes on {device.type}")
    return _fitted(choice, domain, recipe, base, train)


def _fitted(
    choice: StrategyChoice, domain: Domain, recipe: Recipe, base: BaseModel, train: Sequence[Case]
) -> StrategyChoice:
    """Measure on the model where it will be trained; it is left there, otherwise unchanged."""
    sam = base.sam.to(best_device())
    release_memory(sam.device)
    views = views_of(train, recipe)
    drawn = min(recipe.training.objects_per_image, max(len(view.objects) for view in views))
    objects = NeighbourPrompts(recipe.prompts.neighbour, recipe.propagation).most(drawn)
    sampler = domain.sample_prompts(recipe)

    def measure(name: StrategyName) -> MeasuredMemory:
        return measure_memory(sam, sampler, recipe, name, choice.precision, objects=objects)

    return fit(
        choice,
        measure,
        recipe=recipe,
        images=len({view.case for view in views}),
        free=free_memory(sam.device),
        device=sam.device,
    )
