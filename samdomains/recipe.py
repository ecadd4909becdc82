"""Recipes: every value of a run, typed, validated, merged from layers, each with its origin."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from samdomains.recipe_images import (
    Count,
    DataRecipe,
    Fraction,
    IntensityRecipe,
    OutputFormat,
    Positive,
    PropagationRecipe,
    SceneRecipe,
    Section,
    VolumeRecipe,
)
from samdomains.types import PromptName

__all__ = [
    "Recipe",
    "DataRecipe",
    "VolumeRecipe",
    "PropagationRecipe",
    "SceneRecipe",
    "IntensityRecipe",
    "PromptRecipe",
    "AugmentationRecipe",
    "ModelRecipe",
    "StrategyRecipe",
    "TrainingRecipe",
    "EvaluationRecipe",
    "AutoRecipe",
    "ReviewRecipe",
    "OutputFormat",
    "ZOOM_OF_TINY",
]


class AutoRecipe(Section):
    """Segmenting without a human: what is asked, and which answers are kept.

    Attributes:
        points: Points along the longer side of an image or tile, in a square grid (32 in the SAM
            paper, arXiv:2304.02643, appendix B).
        minimum_iou: Smallest IoU that the model predicts of a kept answer. ``auto`` is 0.88, as
            there, for the official models, and 0.5 for ``tiny``, which seldom predicts 0.7.
        minimum_stability: Smallest IoU of an answer's masks at logits of -1 and 1. ``auto`` is
            0.95, as there, for the official models, and 0.7 for ``tiny``.
        duplicates: Two answers whose IoU is larger are one object (0.7 there): the one with the
            higher predicted IoU is kept.
        largest: Largest share of the image, or tile, that an object may cover; a larger one is the
            background.
    """

    points: Count = 32
    minimum_iou: Literal["auto"] | Fraction = "auto"
    minimum_stability: Literal["auto"] | Fraction = "auto"
    duplicates: Fraction = 0.7
    largest: Fraction = 0.95


class ReviewRecipe(Section):
    """Which segmented images a human should look at; the reasons stand in the manifest.

    Attributes:
        minimum_iou: An object whose IoU the model predicts to be smaller. ``auto`` is 0.8 for the
            official models, and 0.5 for ``tiny``.
        border: Whether an object that the image's border cuts counts.
        empty: Whether an image in which nothing was found counts.
    """

    minimum_iou: Literal["auto"] | Fraction = "auto"
    border: bool = False
    empty: bool = True


class PromptRecipe(Section):
    """How a user's prompts are simulated in training.

    Attributes:
        box: Weight of starting with a box.
        point: Weight of starting with one point on the object.
        mask: Weight of starting with a coarse mask of the object.
        neighbour: Share of the objects in a slice of a volume that are asked for once more: where
            the slice before or behind has them, as ``propagation`` follows them. For every four of
            these, one has ended before the slice: the model learns to answer with nothing.
        box_jitter: Standard deviation of each box side's shift, as a share of the box's side
            (10 percent in the SAM paper, arXiv:2304.02643, appendix A).
        box_jitter_pixels: Largest shift of a box side in pixels (20 in the SAM paper).
        corrections: Most rounds of clicks where the last answer was wrong, after the first
            prompt; a training step draws their number, from none to this.
    """

    box: Fraction = 0.5
    point: Fraction = 0.4
    mask: Fraction = 0.1
    neighbour: Fraction = 0.0
    box_jitter: Fraction = 0.1
    box_jitter_pixels: Annotated[float, Field(ge=0.0)] = 20.0
    corrections: Annotated[int, Field(ge=0, le=16)] = 2

    @model_validator(mode="after")
    def _some_prompt(self) -> PromptRecipe:
        if self.box + self.point + self.mask <= 0:
            raise ValueError("at least one of box, point and mask needs a weight above 0")
        return self


class AugmentationRecipe(Section):
    """Random changes of training images, applied to image, mask and prompt together.

    Attributes:
        flip: Probability of each of the two mirror flips.
        rotate: Probability of a quarter turn.
        crop: Smallest share of each side that a random crop keeps; 1 switches crops off.
        brightness: Largest shift of intensity, in the [0, 1] scale.
        contrast: Largest relative change of contrast.
        variants: With a frozen encoder (strategy ``decoder``), pictures of each view that are
            embedded: itself, and others changed as above, among which the epochs draw. It costs
            as many times the encoding and the disk; 1 leaves the images unchanged.
    """

    flip: Fraction = 0.5
    rotate: Fraction = 0.5
    crop: Annotated[float, Field(gt=0.0, le=1.0)] = 0.7
    brightness: Fraction = 0.1
    contrast: Fraction = 0.2
    variants: Count = 1


ZOOM_OF_TINY = 64
"""``model.zoom`` that ``auto`` means for ``tiny``: a quarter of the side of its input."""


class ModelRecipe(Section):
    """Which SAM, and how an image is brought to its input.

    Attributes:
        name: ``tiny`` (shipped), or the official ``vit_b``, ``vit_l``, ``vit_h``.
        checkpoint: File with the official weights; None uses the shipped or downloaded ones.
        tile: Side in pixels of the square tiles in which a point is looked at, brought to the
            model's input size, so that small objects keep their pixels. None takes the whole
            image at once. In a tile, an object wider than half of it may be cut.
        zoom: Side in pixels of the smallest tiles in which a box is looked at. A box tells an
            object's size, so it gets the smallest of a ladder of tiles, each twice as wide as the
            one before, that leaves room around it. None looks at boxes as at points. ``auto`` is
            64 for ``tiny``, whose input is small, and None for the official models, which would
            embed many more windows and were not measured.
        interpolate: Share of the tuned weights in the saved model; the rest are the original ones
            (WiSE-FT, Wortsman et al. 2022, doi:10.1109/CVPR52688.2022.00780). 1, or None, saves
            what training kept, 0 the original. ``auto`` measures what mixes gain on validation
            images and forget of other domains, and picks one.
    """

    name: Literal["tiny", "vit_b", "vit_l", "vit_h"] = "tiny"
    checkpoint: str | None = None
    tile: Annotated[int, Field(ge=32)] | None = None
    zoom: Literal["auto"] | Annotated[int, Field(ge=32)] | None = "auto"
    interpolate: Literal["auto"] | Fraction | None = None

    @property
    def finest_window(self) -> int | None:
        """Side of the smallest tiles for boxes, with ``auto`` decided."""
        if self.zoom == "auto":
            return ZOOM_OF_TINY if self.name == "tiny" else None
        return self.zoom


class StrategyRecipe(Section):
    """What is trained.

    Attributes:
        name: ``decoder`` (mask decoder; the encoder's embeddings are computed once), ``lora``
            (adapters in encoder and decoder), ``full`` (everything), ``auto`` (chosen, explained).
        lora_rank: Rank of the adapters (LoRA, arXiv:2106.09685).
        lora_alpha: Scale of the adapters; the update is multiplied by alpha / rank.
        lora_dropout: Dropout before the adapters.
    """

    name: Literal["auto", "decoder", "lora", "full"] = "auto"
    lora_rank: Count = 8
    lora_alpha: Positive = 16.0
    lora_dropout: Fraction = 0.0


class TrainingRecipe(Section):
    """The optimisation.

    Attributes:
        learning_rate: Peak of the schedule.
        weight_decay: AdamW's decoupled decay (0.1 in the SAM paper, less for small sets).
        epochs: Passes over the training images; a tiled image gives one random tile a pass.
        batch_size: Images a step; None lets the strategy choose.
        objects_per_image: Objects drawn from an image in one step.
        warmup_fraction: Share of the steps with a linearly rising rate.
        clip_norm: Largest gradient norm.
        precision: ``auto`` uses bf16 or fp16 where the device has it.
        embedding_precision: Of the embeddings that a frozen encoder gives for training: ``half``
            the bytes (float16, three decimal digits), or ``full`` (float32). Scores are always
            from full ones.
        checkpointing: Run the image encoder's blocks again in the backward pass, for the same
            gradients in a fraction of the memory. ``auto`` is on for the official models.
        patience: Epochs without a better validation Dice before it stops; None never stops.
        mixtures: Shares of the tuned weights that are tried at the end, mixed with the untuned ones
            (WiSE-FT, arXiv:2109.01903): on few images training overshoots, and a mixture does
            better. The first is kept unless an epoch or another mixture is better on the
            validation images by more than one standard error. Without any, the best epoch is kept.
        workers: Processes that load images ahead of the steps, without effect on the result; with
            ``auto`` as many as keep up, where training waits for data and cores are left.
        focal_weight: Weight of the focal loss against Dice (20 to 1 in the SAM paper).
        focal_gamma: Focusing parameter of the focal loss (2 in arXiv:1708.02002); 0: cross-entropy.
        dice_weight: Weight of the Dice loss.
        iou_weight: Weight of the squared error of the predicted IoU.
    """

    learning_rate: Positive = 1e-4
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    epochs: Count = 30
    batch_size: Count | None = None
    objects_per_image: Count = 8
    warmup_fraction: Fraction = 0.05
    clip_norm: Positive = 1.0
    precision: Literal["auto", "no", "fp16", "bf16"] = "auto"
    embedding_precision: Literal["half", "full"] = "half"
    checkpointing: Literal["auto", "on", "off"] = "auto"
    patience: Count | None = 8
    mixtures: tuple[Fraction, ...] = (0.5, 0.25, 0.75)
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=64)] = "auto"
    focal_weight: Annotated[float, Field(ge=0.0)] = 20.0
    focal_gamma: Annotated[float, Field(ge=0.0)] = 2.0
    dice_weight: Annotated[float, Field(ge=0.0)] = 1.0
    iou_weight: Annotated[float, Field(ge=0.0)] = 1.0


class EvaluationRecipe(Section):
    """How systems are scored.

    Attributes:
        prompts: The ways of prompting that are scored. ``auto`` lets each system segment every
            image without prompts, as ``samdomains segment --auto`` does.
        clicks: Clicks on an object, at most, while those are counted that it takes to reach an IoU
            of 0.85 and 0.90 (20 in arXiv:2102.06583); 0 counts none.
        bootstrap: Resamples for the 95 percent interval.
        validation_objects: Objects scored per image while training; the test scores all.
        volume_objects: Objects of each whole volume that are followed from slice to slice, at most:
            a subset drawn from all classes by turns; 0 leaves scores of whole volumes out.
        tolerance_mm: Deviation of a surface in mm that counts as correct in the surface Dice of
            whole volumes: what two careful people would differ by.
        tolerance_px: The same in pixels, for the surface Dice of objects in single images.
        health: Whether a run ends with the measurements of its health card: what was forgotten,
            whether prompts are followed, calibration and over-fitting.
        health_images: Test images, and training images, that these look at, at most.
        retention_images: Images of each other installed domain's demo data that they look at, at
            most; 0 leaves out what was forgotten.
    """

    prompts: tuple[PromptName, ...] = ("box", "point", "point+3")
    clicks: Annotated[int, Field(ge=0, le=100)] = 0
    bootstrap: Count = 1000
    validation_objects: Count = 8
    volume_objects: Annotated[int, Field(ge=0)] = 8
    tolerance_mm: Positive = 2.0
    tolerance_px: Positive = 2.0
    health: bool = True
    health_images: Count = 6
    retention_images: Annotated[int, Field(ge=0)] = 2


class Recipe(Section):
    """Every value of a run.

    Attributes:
        name: The named recipe it was built from.
        seed: Seeds splits, prompts, augmentation and training.
        data: Reading, splitting and the format of the masks.
        volume: Volumes to slices.
        propagation: Following an object through slices.
        scene: Scenes larger than memory to tiles.
        intensity: Stored pixels to [0, 1].
        prompts: Simulated prompts.
        augmentation: Random changes of training images.
        model: Which SAM.
        strategy: What is trained.
        training: The optimisation.
        evaluation: The scoring.
        auto: Segmenting without a human.
        review: What a human should look at.
    """

    name: str = "default"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: DataRecipe = DataRecipe()
    volume: VolumeRecipe = VolumeRecipe()
    propagation: PropagationRecipe = PropagationRecipe()
    scene: SceneRecipe = SceneRecipe()
    intensity: IntensityRecipe = IntensityRecipe()
    prompts: PromptRecipe = PromptRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    model: ModelRecipe = ModelRecipe()
    strategy: StrategyRecipe = StrategyRecipe()
    training: TrainingRecipe = TrainingRecipe()
    evaluation: EvaluationRecipe = EvaluationRecipe()
    auto: AutoRecipe = AutoRecipe()
    review: ReviewRecipe = ReviewRecipe()

    @property
    def surest(self) -> tuple[float, float]:
        """Smallest predicted IoU and stability of a kept answer, with ``auto`` decided."""
        iou, stability = (0.5, 0.7) if self.model.name == "tiny" else (0.88, 0.95)
        auto = self.auto
        return (
            iou if auto.minimum_iou == "auto" else auto.minimum_iou,
            stability if auto.minimum_stability == "auto" else auto.minimum_stability,
        )

    @property
    def runs_blocks_again(self) -> bool:
        """Whether training uses ``training.checkpointing``, with ``auto`` decided."""
        if self.training.checkpointing == "auto":
            return self.model.name != "tiny"
        return self.training.checkpointing == "on"

    @property
    def doubtful(self) -> float:
        """Predicted IoU below which an object is for review, with ``auto`` decided."""
        if self.review.minimum_iou == "auto":
            return 0.5 if self.model.name == "tiny" else 0.8
        return self.review.minimum_iou
