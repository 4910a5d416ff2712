"""Blocks that wait become fewer messages the more of them there are; nothing of them is left out, and their order stays."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bot.render.batches import CALM, Batch, next_batch
from bot.render.blocks import FILE_BYTES, FILES_LIMIT, TEXT_LIMIT, Attachment, Block
from bot.render.text import width


def block(index: int, text: str, files: int = 0, *, sealed: bool = True, size: int = 1) -> Block:
    made = tuple(Attachment(f"{index}-{number}.txt", b"x" * size) for number in range(files))
    return Block(index, index * 10, index * 10 + 10, text, "text", made, sealed)


def batches(blocks: list[Block]) -> list[Batch]:
    found = list[Batch]()
    while blocks:
        found.append(next_batch(blocks))
        blocks = [each for each in blocks if each.index > found[-1].last]
    return found


BLOCKS = st.lists(
    st.tuples(st.integers(1, TEXT_LIMIT), st.integers(0, FILES_LIMIT), st.booleans()), min_size=1, max_size=80
)


@given(BLOCKS)
def test_every_block_is_carried_once_in_order_within_the_limits(drawn: list[tuple[int, int, bool]]) -> None:
    blocks = [
        block(at, f"<{at}>".ljust(units, "x")[:TEXT_LIMIT], files, sealed=sealed)
        for at, (units, files, sealed) in enumerate(drawn)
    ]
    made = batches(blocks)
    assert [(each.first, each.last) for each in made[:1]] == [(0, made[0].last)]
    assert all(before.last + 1 == after.first for before, after in itertools.pairwise(made))
    assert made[-1].last == len(blocks) - 1
    for each in made:
        assert width(each.text) <= TEXT_LIMIT
        assert len(each.files) <= FILES_LIMIT
        carried = each.text + "".join(file.content.decode() for file in each.files if file.name.endswith(".md"))
        assert all(blocks[at].text in carried for at in range(each.first, each.last + 1))
        names = {file.name for file in each.files}
        assert all(file.name in names for at in range(each.first, each.last + 1) for file in blocks[at].files)


def test_a_few_that_wait_are_messages_of_their_own() -> None:
    assert len(batches([block(at, "x") for at in range(CALM)])) == CALM


def test_many_that_wait_share_messages() -> None:
    assert len(batches([block(at, "x" * 99) for at in range(100)])) <= 7


def test_a_flood_becomes_one_file_that_holds_it_all() -> None:
    (made,) = batches([block(at, f"line {at} " * 20) for at in range(2000)])
    assert "**2000 messages**" in made.text
    assert all(f"line {at} " in made.files[0].content.decode() for at in range(2000))


def test_one_that_still_changes_is_never_merged() -> None:
    made = batches([block(0, "a", sealed=False), *(block(at, "b") for at in range(1, 9)), block(9, "c", sealed=False)])
    assert [(each.first, each.last) for each in made] == [(0, 0), (1, 8), (9, 9)]


def test_files_together_stay_within_what_a_request_may_hold() -> None:
    for each in batches([block(at, "x", 1, size=FILE_BYTES // 3) for at in range(10)]):
        assert sum(len(file.content) for file in each.files) <= FILE_BYTES
