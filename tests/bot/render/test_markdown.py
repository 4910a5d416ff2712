"""Agents' markdown becomes what Discord can show."""

from bot.render.markdown import markdown


def test_ordinary_markdown_is_left_alone() -> None:
    text = "# Title\n\n- **a** `b`\n\n```py\nx = 1\n```\nend"
    assert markdown(text) == text


def test_deep_headings_become_bold() -> None:
    assert markdown("#### Deep one ##\n###### Deeper") == "**Deep one**\n**Deeper**"


def test_longer_and_tilde_fences_become_three_backticks() -> None:
    assert markdown("~~~sh\nls\n~~~") == "```sh\nls\n```"
    assert markdown("````md\n```py\nx\n```\n````") == "```md\n``\u200b`py\nx\n``\u200b`\n```"


def test_a_fence_in_a_list_loses_its_indent() -> None:
    assert markdown("- so:\n  ```\n  a\n    b\n  ```") == "- so:\n```\na\n  b\n```"


def test_an_unclosed_fence_is_left_for_split() -> None:
    assert markdown("```py\nx = 1") == "```py\nx = 1"


def test_a_small_table_is_aligned_in_a_code_block() -> None:
    table = "| name | n |\n|:---|---:|\n| 日本 | 1 |\n| b | 22 |\nafter"
    assert markdown(table) == "```\nname  n\n────  ──\n日本  1\nb     22\n```\nafter"


def test_a_wide_table_becomes_a_list() -> None:
    cell = "x" * 40
    assert markdown(f"| a | b |\n|---|---|\n| {cell} | {cell} |\n| | y |") == (
        f"- **a** {cell} · **b** {cell}\n- **b** y"
    )


def test_a_pipe_in_prose_is_no_table() -> None:
    assert markdown("a | b\nc | d") == "a | b\nc | d"
