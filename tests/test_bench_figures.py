"""The table of a benchmark never has a row that nothing stands behind."""

from __future__ import annotations

import pytest

from bench.figures import Row, ratios


def test_a_row_that_measured_nothing_fails_by_its_name() -> None:
    with pytest.raises(ValueError, match="nothing was measured: a reply"):
        Row("a reply", "ms", [])
    with pytest.raises(ValueError, match="shorter"):
        ratios("a reply", [1.0, 2.0], [1.0], "")
    assert ratios("a reply", [1.0, 6.0], [2.0, 3.0], "").values == [0.5, 2.0]
