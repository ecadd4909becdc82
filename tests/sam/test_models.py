from __future__ import annotations

import segment_anything
import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam

from samdomains.sam.models import ARCHITECTURES, build_architecture, parameter_count


def shapes(sam: Sam) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in sam.state_dict().items()}


def test_the_official_names_have_the_official_shapes() -> None:
    for name in ("vit_b", "vit_l", "vit_h"):
        with torch.device("meta"):
            ours = build_architecture(name)
            theirs = segment_anything.sam_model_registry[name]()
        assert shapes(ours) == shapes(theirs)


def test_tiny_is_small_and_made_of_the_same_classes() -> None:
    sam = build_architecture("tiny")
    assert isinstance(sam.image_encoder, ImageEncoderViT)
    assert isinstance(sam.prompt_encoder, PromptEncoder)
    assert isinstance(sam.mask_decoder, MaskDecoder)
    assert 2e6 < sum(p.numel() for p in sam.parameters()) < 5e6
    assert sam.image_encoder.img_size == 256
    assert not any(module.training for module in sam.modules())


def test_the_sizes_follow_from_input_and_patch() -> None:
    tiny, large = ARCHITECTURES["tiny"], ARCHITECTURES["vit_h"]
    assert (tiny.embedding_size, tiny.mask_size) == (32, 128)
    assert (large.embedding_size, large.mask_size) == (64, 256)


def test_tiny_answers_at_a_quarter_of_its_input() -> None:
    sam, shape = build_architecture("tiny"), ARCHITECTURES["tiny"]
    with torch.inference_mode():
        embedding = sam.image_encoder(torch.zeros(1, 3, 256, 256))
        sparse, dense = sam.prompt_encoder(None, torch.tensor([[8.0, 8.0, 90.0, 90.0]]), None)
        low, iou = sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
    assert embedding.shape == (1, shape.prompt_dim, 32, 32)
    assert low.shape == (1, 3, shape.mask_size, shape.mask_size)
    assert iou.shape == (1, 3)


def test_parameters_are_counted_without_memory_for_them() -> None:
    assert parameter_count("tiny") == sum(
        p.numel() for p in build_architecture("tiny").parameters()
    )
    assert 630e6 < parameter_count("vit_h") < 650e6
