"""The way of every encoding whose encoder does not change: computed once, then read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property

import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.run_directory import DISK_FULL
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.frame import encoder_input
from samdomains.types import Image

FORMAT = "1"
"""Of keys and entries; another one forgets what older versions kept."""


class CachedEncoder:
    """Embeds images with a frozen encoder, or finds what it gave before.

    Embeddings are exactly the encoder's, or rounded to half precision: three decimal digits of
    activations that LayerNorm holds near 1, at half the size.

    Args:
        sam: The model. With a cache, its encoder must not change while this is used.
        cache: Where embeddings are kept, or None to compute each.
        full: Called once where the disk is full, with a sentence; embeddings are then only
            computed. None makes it an error.
    """

    def __init__(
        self,
        sam: Sam,
        cache: EmbeddingCache | None = None,
        full: Callable[[str], None] | None = None,
    ) -> None:
        self.sam, self.cache, self._full = sam, cache, full
        self._keeps = True

    def __call__(self, image: Image) -> Tensor:
        """Embed one image or window of it.

        Args:
            image: (3, H, W) in [0, 1].

        Returns:
            (1, C, side / patch, side / patch), on the model's device.

        Raises:
            OSError: It cannot be kept.
        """
        pixels = encoder_input(self.sam, image)
        if self.cache is None:
            return self._compute(pixels, half=False)
        return self._find(self._key(pixels), pixels, half=False)

    def keyed(self, image: Image, *, half: bool) -> tuple[str, Tensor]:
        """An embedding, and the key by which ``read`` finds it without the image.

        Args:
            image: (3, H, W) in [0, 1].
            half: Round it.
        """
        pixels = encoder_input(self.sam, image)
        key = self._key(pixels)
        return key, self._find(key, pixels, half=half)

    def read(self, key: str, *, half: bool) -> Tensor | None:
        """(1, C, h, w) on the model's device, or None where it is not kept."""
        found = None if self.cache is None else self.cache.read(key, half=half)
        return None if found is None else found[None].to(self.sam.device)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the encoder's tensors and of what else decides its rounding."""
        digest = hashlib.sha256(f"{FORMAT} {torch.__version__} {self.sam.device.type}".encode())
        for name, tensor in self.sam.image_encoder.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(_bytes(tensor))
        return digest.hexdigest()

    def _find(self, key: str, pixels: Tensor, *, half: bool) -> Tensor:
        embedding = self.read(key, half=half)
        if embedding is None:
            embedding = self._compute(pixels, half=half)
            self._keep(key, embedding[0], half=half)
        return embedding

    def _key(self, pixels: Tensor) -> str:
        digest = hashlib.sha256(self.fingerprint.encode())
        digest.update(f"{tuple(pixels.shape)} {pixels.dtype}".encode())
        digest.update(_bytes(pixels))
        return digest.hexdigest()

    @torch.no_grad()
    def _compute(self, pixels: Tensor, *, half: bool) -> Tensor:
        """The embedding as it will be read, so that the first use is as all others."""
        embedding: Tensor = self.sam.image_encoder(pixels)
        return embedding.half().float() if half else embedding

    def _keep(self, key: str, embedding: Tensor, *, half: bool) -> None:
        if self.cache is None or not self._keeps:
            return
        try:
            self.cache.write(key, embedding, half=half)
        except OSError as error:
            if self._full is None or error.errno not in DISK_FULL:
                raise
            self._keeps = False
            self._full(
                f"{self.cache.root}: the disk is full, so no more embeddings are kept. "
                "The results are the same"
            )


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
