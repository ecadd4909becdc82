"""Segment Anything itself: architectures, frames, decoding, strategies, checkpoints, artefacts."""
