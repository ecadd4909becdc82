from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from samdomains.errors import RunDirectoryError, TrainingInterrupted
from samdomains.run_directory import RunDirectory, require_free, undone_on_failure


def test_the_files_have_the_names_of_the_contract(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    files = [run.recipe, run.explain, run.split, run.metrics, run.scores, run.card]
    files += [run.report, run.log, run.model, run.state, run.tensorboard]
    assert [path.name for path in files] == [
        "recipe.yaml",
        "explain.json",
        "split.json",
        "metrics.json",
        "scores.csv",
        "card.json",
        "report.html",
        "log.jsonl",
        "model.safetensors",
        "state",
        "tensorboard",
    ]
    assert {path.parent for path in files} == {tmp_path}
    assert {run.zero_shot.parent, run.strategy.parent, run.embeddings.parent} == {run.state}


def test_a_missing_or_empty_folder_is_free(tmp_path: Path) -> None:
    require_free(tmp_path / "absent")
    require_free(tmp_path)


def test_what_holds_anything_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RunDirectoryError, match=r"is not empty.*--resume"):
        require_free(tmp_path)
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(RunDirectoryError, match="already holds a run"):
        require_free(tmp_path)
    with pytest.raises(RunDirectoryError, match="is a file"):
        require_free(tmp_path / "notes.txt")


def test_only_a_run_can_be_resumed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match=r"no run to resume \(no recipe\.yaml\)"):
        run.require_run()
    run.root.mkdir()
    (run.root / "notes.txt").touch()
    with pytest.raises(RunDirectoryError, match=r"no run to resume \(no recipe\.yaml\)"):
        run.require_run()
    run.recipe.touch()
    run.require_run()


def test_what_a_killed_process_half_wrote_is_in_nobodys_way(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.state.mkdir()
    halves = [run.root / ".recipe-a1b2.tmp.yaml", run.state / ".training-a1b2.tmp.pt"]
    for half in halves:
        half.touch()
    run.recipe.touch()
    run.require_run()
    assert not any(half.exists() for half in halves)
    run.recipe.unlink()
    run.state.rmdir()
    halves[0].touch()
    require_free(run.root)
    run.require_run()  # killed before its first file was whole


def test_a_run_is_complete_with_its_report(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert not run.complete
    run.report.touch()
    assert run.complete


@pytest.fixture
def resumable(tmp_path: Path) -> AbstractContextManager[None]:
    return RunDirectory(tmp_path).resumable()


def test_ctrl_c_says_how_to_go_on(resumable: AbstractContextManager[None], tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted, match=f"Go on with --resume.*{tmp_path}"), resumable:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.ENOSPC, "No space", "a.pt"), r"^a\.pt: the disk is full\. Free some"),
        (OSError(errno.EDQUOT, "Quota"), r"^the disk is full\. Free some space\. Go on"),
        (OSError(errno.EIO, "Input/output error", "a.pt"), r"^a\.pt: Input/output error\. Go on"),
        (OSError("model: cannot be written"), r"^model: cannot be written\. Go on"),
    ],
)
def test_a_file_that_cannot_be_written_says_how_to_go_on(
    error: OSError, text: str, resumable: AbstractContextManager[None]
) -> None:
    with pytest.raises(RunDirectoryError, match=text), resumable:
        raise error


def test_a_bug_is_not_dressed_up(resumable: AbstractContextManager[None]) -> None:
    with pytest.raises(TypeError, match="a bug"), resumable:
        raise TypeError("a bug")


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failure_takes_a_new_folder_away_and_empties_an_old_one(
    failure: type[BaseException], tmp_path: Path
) -> None:
    def fail(folder: Path) -> None:
        with undone_on_failure(folder):
            (folder / "deep").mkdir(parents=True)
            (folder / "deep" / "a.txt").touch()
            (folder / "b.txt").touch()
            raise failure

    for folder, stays in ((tmp_path / "deep" / "new", False), (tmp_path, True)):
        with pytest.raises(failure):
            fail(folder)
        assert folder.exists() == stays
    assert not list(tmp_path.iterdir())


def test_success_keeps_everything(tmp_path: Path) -> None:
    with undone_on_failure(tmp_path / "deep" / "new"):
        (tmp_path / "deep" / "new" / "a.txt").touch()
    assert (tmp_path / "deep" / "new" / "a.txt").is_file()


def test_a_place_where_nothing_may_be_is_found_out_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), undone_on_failure(tmp_path / "file" / "new"):
        pytest.fail("the block ran")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_finishing_removes_the_embeddings_alone(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    (run.embeddings / "ab").mkdir(parents=True)
    for path in (run.embeddings / "ab" / "ab12.f16", run.state / "training.pt"):
        path.touch()
    run.finish()
    run.finish()
    assert [path.name for path in run.state.iterdir()] == ["training.pt"]
