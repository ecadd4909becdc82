"""Fetching the official checkpoints: resumable, checked against their published hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import platformdirs
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from samdomains.errors import CheckpointError

OfficialName: TypeAlias = Literal["vit_b", "vit_l", "vit_h"]

CACHE_VARIABLE = "SAMDOMAINS_CACHE"
"""Environment variable that names another folder for everything that is downloaded or cached."""

_BLOCK = 1 << 20  # bytes read at a time: small enough for memory, large enough for the disk
_TIMEOUT = (15.0, 60.0)  # seconds to connect, seconds without a byte
_COMPLETE = 416  # "range not satisfiable": the partial file already reaches the end


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to download and the hash that proves it.

    Attributes:
        url: Where it is; the last part of the path is the file's name.
        sha256: Hexadecimal SHA-256 of the whole file.
    """

    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name it is kept under."""
        return self.url.rpartition("/")[2]


# The addresses are those of the "Model Checkpoints" section of the segment-anything repository
# (Kirillov et al. 2023, arXiv:2304.02643), which gives no hashes; these are what micro-sam and
# the 3D Slicer extensions check the same files against.
_OFFICIAL = "https://dl.fbaipublicfiles.com/segment_anything"
OFFICIAL: Mapping[OfficialName, RemoteFile] = {
    "vit_b": RemoteFile(
        f"{_OFFICIAL}/sam_vit_b_01ec64.pth",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    "vit_l": RemoteFile(
        f"{_OFFICIAL}/sam_vit_l_0b3195.pth",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    "vit_h": RemoteFile(
        f"{_OFFICIAL}/sam_vit_h_4b8939.pth",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
}


def cache_directory() -> Path:
    """The folder for downloads: ``SAMDOMAINS_CACHE`` if set, else the user's cache folder."""
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override) if override else Path(platformdirs.user_cache_dir("samdomains"))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read block by block.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def fetch_checkpoint(name: OfficialName) -> Path:
    """The official checkpoint of a model, downloaded on first use.

    A file that is already in the cache is returned as it is; ``load_base`` checks its hash.

    Raises:
        CheckpointError: The download failed; says how to do it by hand.
    """
    target = cache_directory() / "checkpoints" / OFFICIAL[name].file_name
    if not target.exists():
        download(OFFICIAL[name], target)
    return target


def download(remote: RemoteFile, target: Path) -> None:
    """Download a file and check its hash; ``target`` appears only when it is whole and right.

    What has arrived is kept beside it as ``.part``, and the next call goes on from there.

    Raises:
        CheckpointError: No connection, an answer other than the file, or a wrong hash.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    try:
        _transfer(remote.url, part)
    except requests.RequestException as error:
        raise CheckpointError(
            f"cannot download {remote.url} ({_reason(error)}). Check the connection and repeat the "
            "command, which goes on where it stopped; or download that address by hand and "
            "give the file with --checkpoint FILE"
        ) from error
    digest = sha256_of(part)
    if digest != remote.sha256:
        part.unlink()
        raise CheckpointError(
            f"{remote.url}: the download has SHA-256 {digest}, published is {remote.sha256}. "
            "It was removed; repeat the command, or download that address by hand and give the "
            "file with --checkpoint FILE"
        )
    part.replace(target)


def _transfer(url: str, part: Path) -> None:
    """Append the missing bytes of ``url`` to ``part``, or start anew where the server cannot."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # lengths then count the file's own bytes
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if have and response.status_code == _COMPLETE:
            return
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0  # the server ignored the range and sends the whole file
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        _write(response, part, have=have, total=total)
    if total is not None and part.stat().st_size < total:
        raise requests.ConnectionError("the connection was closed before the end of the file")


def _write(response: requests.Response, part: Path, *, have: int, total: int | None) -> None:
    """Write the body behind the first ``have`` bytes, with a progress bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    with bar, part.open("ab" if have else "wb") as file:
        task = bar.add_task(part.stem, total=total, completed=have)
        for block in response.iter_content(_BLOCK):
            file.write(block)
            bar.advance(task, len(block))


def _reason(error: requests.RequestException) -> str:
    """What went wrong in a few words; the library's own text is kept as the chained cause."""
    if error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    return "no connection, or it broke off"
