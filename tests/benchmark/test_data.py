from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from samdomains.benchmark.data import find_data, generate_data, hash_of
from samdomains.benchmark.suites import DataSet
from samdomains.chain import select_domain
from samdomains.errors import DataError


def described(sha256: str | None = None) -> DataSet:
    return DataSet(
        name="cells",
        path="light/cells",
        title="Cells",
        source="the university's shelf",
        licence="CC BY 4.0",
        sha256=sha256,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, content in (("images/a.png", b"pixels"), ("masks/a.png", b"mask")):
        path = tmp_path / "light" / "cells" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def test_the_hash_depends_on_names_and_bytes_and_not_on_the_place(
    root: Path, tmp_path: Path
) -> None:
    source = root / "light" / "cells"
    before = hash_of(source)
    moved = source.rename(tmp_path / "elsewhere")
    assert hash_of(moved) == before
    (moved / "masks" / "a.png").rename(moved / "masks" / "b.png")
    assert hash_of(moved) != before


def test_hidden_files_are_no_part_of_a_data_set(root: Path) -> None:
    source = root / "light" / "cells"
    before = hash_of(source)
    (source / ".DS_Store").write_bytes(b"left by a file manager")
    assert hash_of(source) == before


def test_a_single_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"pixels")
    assert hash_of(path) == hashlib.sha256(b"pixels").hexdigest()


def test_data_that_is_there_is_found_with_its_hash(root: Path) -> None:
    found = find_data(described(), root)
    assert found.source == root / "light" / "cells"
    assert find_data(described(found.sha256), root).about == {
        "title": "Cells",
        "source": "the university's shelf",
        "licence": "CC BY 4.0",
        "split": "its own splits.json",
        "sha256": found.sha256,
    }


def test_data_that_is_missing_says_where_to_get_it_and_under_what_licence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not there.*the university's shelf.*CC BY 4.0"):
        find_data(described(), tmp_path)


def test_data_that_has_changed_since_it_was_recorded_is_refused(root: Path) -> None:
    recorded = find_data(described(), root).sha256
    (root / "light" / "cells" / "masks" / "a.png").write_bytes(b"another mask")
    with pytest.raises(DataError, match=f"has changed .* not {recorded[:12]}"):
        find_data(described(recorded), root)


def test_generated_data_is_made_once_and_again_where_it_was_interrupted(tmp_path: Path) -> None:
    domain = select_domain("images")
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "half.png").write_bytes(b"of an interrupted start")
    first = generate_data(domain, tmp_path)
    assert not (tmp_path / "generated" / "half.png").exists()
    (first.source / "images" / "note.txt").write_text("mine")
    assert generate_data(domain, tmp_path).sha256 != first.sha256  # not made anew
