from __future__ import annotations

import json
from pathlib import Path

from samdomains.evaluation.health import Health
from samdomains.files import write_json
from tests.health_making import healthy


def test_health_comes_back_as_it_was_written(tmp_path: Path) -> None:
    health = Health(**vars(healthy()), verdict="ship", problems=())
    write_json(tmp_path / "health.json", health.to_json())
    content = json.loads((tmp_path / "health.json").read_text("utf-8"))
    assert list(content)[:2] == ["verdict", "problems"]
    systems = content["prompt_sensitivity"]["systems"]
    assert systems["tuned"]["other_objects"] is None  # no image showed two
    assert systems["tuned"]["box_jitter"]["0.05"] == 0.9
    assert repr(Health.from_json(content)) == repr(health)  # NaN is not equal to itself


def test_a_domain_changes_by_the_mean_over_its_prompts() -> None:
    (domain,) = healthy().retention.domains
    assert abs(domain.change + 0.01) < 1e-9
