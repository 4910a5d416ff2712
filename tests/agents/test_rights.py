"""Grants as people write them."""

from __future__ import annotations

import pytest

from agents.config import SettingsError, load
from agents.rights import Right, parse_grants, up_to


def test_grants_add_up_and_each_right_includes_the_lower() -> None:
    grants = parse_grants("role:1=run, user:2=view\nchannel:3=manage")
    nobody = frozenset[int]()

    assert grants.of(9, nobody, nobody) == frozenset()
    assert grants.of(2, nobody, nobody) == {Right.VIEW}
    assert grants.of(2, frozenset({1}), nobody) == {Right.VIEW, Right.RUN}
    assert grants.of(9, nobody, frozenset({3})) == up_to(Right.MANAGE) == frozenset(Right)


@pytest.mark.parametrize(
    "text", ["role:1", "role:x=run", "group:1=run", "user:1=root", "everyone=view", "user:-1=view"]
)
def test_a_malformed_grant_is_named_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(SettingsError, match="DISCORD_RIGHTS") as refused:
        load({"DISCORD_RIGHTS": text}, dotenv=None)
    assert "role:123=run" in str(refused.value)
