"""What is trained: the mask decoder, low-rank adapters, or everything."""

from __future__ import annotations

from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.recipe import StrategyRecipe
from samdomains.types import StrategyName

# Attention only in the encoder: adapters in its MLPs would keep their four times wider
# activations for the backward pass, which is what large images run out of memory by. The decoder
# is small, so every linear layer of it gets one.
LORA_TARGETS = "|".join(
    (
        r"image_encoder\.blocks\.\d+\.attn\.(qkv|proj)",
        r"mask_decoder\.transformer\..*\.([qkv]_proj|out_proj|lin1|lin2)",
        r"mask_decoder\.(output_hypernetworks_mlps\.\d+|iou_prediction_head)\.layers\.\d+",
    )
)
"""Full names of the layers that get adapters, as a regular expression."""


def apply_strategy(sam: Sam, recipe: StrategyRecipe, name: StrategyName) -> None:
    """Set, in place, which parameters train; for ``lora`` put in the adapters.

    The model answers as before, since adapters start at zero, and keeps its mode. Adapters are
    drawn from torch's global generator.

    Args:
        sam: A plain SAM, without adapters.
        recipe: Rank, alpha and dropout of the adapters.
        name: ``decoder`` trains the mask decoder. ``lora`` trains adapters (Hu et al. 2021,
            arXiv:2106.09685) in ``LORA_TARGETS`` and nothing else. ``full`` trains every
            parameter; the random matrix of the positional encoding is a constant of SAM.
    """
    if name == "lora":
        _inject_adapters(sam, recipe)
        return
    sam.requires_grad_(name == "full")
    sam.mask_decoder.requires_grad_(True)


def trained_tensors(sam: Sam) -> dict[str, Tensor]:
    """Every tensor that training changes, by name, sharing the model's memory.

    SAM normalises by layer, so no buffer changes: the trainable parameters are all.
    """
    return {name: p.detach() for name, p in sam.named_parameters() if p.requires_grad}


def merge_adapters(sam: Sam) -> None:
    """Fold the adapters into the weights they stand beside, in place.

    What is left has the official modules and tensor names and answers the same, up to float
    rounding. A model without adapters is left as it is.
    """
    _take_adapters_out(sam, merge=True)


def remove_adapters(sam: Sam) -> None:
    """Take the adapters out, in place, and leave the weights that they stand beside as they are."""
    _take_adapters_out(sam, merge=False)


def has_adapters(sam: Sam) -> bool:
    """Whether ``lora`` was applied and not merged since."""
    return hasattr(sam, "peft_config")


def _inject_adapters(sam: Sam, recipe: StrategyRecipe) -> None:
    """Wrap the target layers; PEFT freezes everything else."""
    from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415 (seconds to import)

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=LORA_TARGETS,
    )
    inject_adapter_in_model(config, sam)
    sam.train(sam.training)  # new layers start in training mode, where dropout is active


def _take_adapters_out(sam: Sam, *, merge: bool) -> None:
    if not has_adapters(sam):
        return
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415 (seconds to import, for lora only)

    adapted = [(name, m) for name, m in sam.named_modules() if isinstance(m, LoraLayer)]
    for name, layer in adapted:
        if merge:
            layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(sam.get_submodule(parent), child, layer.get_base_layer())
    del sam.peft_config
