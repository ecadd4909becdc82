"""Settings that the tests of the core and of every plugin share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

# Shared machines are slow now and then; a test that is wrong should fail, not one that is late.
settings.register_profile("samdomains", deadline=None, max_examples=50)
settings.load_profile("samdomains")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep checkpoints and embeddings of the tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMDOMAINS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
