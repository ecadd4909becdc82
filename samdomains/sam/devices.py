"""The device that computes, and the memory it has free."""

from __future__ import annotations

import psutil
import torch


def best_device() -> torch.device:
    """The first CUDA GPU, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def free_memory(device: torch.device) -> int:
    """Bytes free on a device; for CPU and MPS, which share it, of the machine's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether the device is a GPU that computes in bf16, as NVIDIA's do from Ampere on."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def gpu_uuid(device: torch.device) -> str:
    """What the driver calls an NVIDIA GPU, whatever its number; empty where that is not known."""
    if device.type != "cuda" or torch.version.cuda is None:
        return ""
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)  # torch 2.4 has none
    return "" if uuid is None else f"GPU-{uuid}"
