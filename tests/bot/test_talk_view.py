"""What an answer shows while it grows and in the end: pure."""

from __future__ import annotations

from bot.render.text import width
from bot.talk_view import View, final, live


def same(text: str) -> str:
    return text


def shown(view: View, note: str = "") -> list[str]:
    return final(view, note, same, calls=2, usd=0.012)[0]


def test_a_line_tells_how_a_call_stands() -> None:
    view = View()
    view.words("I clone it.")
    view.began("1", "clone_repo", {"repo_url": "https://github.com/owner/api"})
    assert "⏳ `workspace clone` `https://github.com/owner/api`" in live(view, same)
    view.step("1", "Receiving objects")
    assert "Receiving objects" in live(view, same)
    view.ended("1", "done", "api · main\nmore")
    view.began("2", "push_workspace", {"workspace_name": "api"})
    view.asks("2", over=False)
    assert "❓ `workspace push` `api` · waits for your yes below" in live(view, same)
    view.asks("2", over=True)
    view.ended("2", "declined", "…")
    view.words("Not pushed.")
    expected = (
        "I clone it.\n\n✅ `workspace clone` `https://github.com/owner/api` · api · main more\n"
        "🚫 `workspace push` `api` · declined\n\nNot pushed.\n-# 2 calls · $0.01"
    )
    assert shown(view) == [expected]


def test_what_was_broken_off_is_told_as_open() -> None:
    view = View()
    view.began("1", "push_workspace", {"workspace_name": "api"})
    view.stop()
    assert "⏹️ `workspace push` `api` · stopped in the middle: it may have been done" in shown(view, "Stopped.")[0]


def test_an_answer_that_comes_anew_is_not_shown_twice() -> None:
    view = View()
    view.words("Half an ans")
    view.again()
    view.words("Half an answer, whole now.")
    assert shown(view)[0].count("Half") == 1


def test_a_word_that_may_grow_is_not_shown_yet_so_that_half_a_key_never_is() -> None:
    view = View()
    view.words("The key is sk-ant-api03-abcdef")
    assert "sk-ant" not in live(view, same)
    view.words("0123 and more ")
    assert "MASKED" in live(view, lambda text: text.replace("sk-ant-api03-abcdef0123", "MASKED"))


def test_words_of_any_length_fit_and_none_is_lost() -> None:
    for lines in (1, 100, 300, 1000):
        view = View()
        view.words("".join(f"line {number}: some words in it\n" for number in range(lines)))
        pages, files = final(view, "It was cut. " * 20, same, calls=1, usd=1.0)
        assert all(0 < width(page) <= 2000 for page in [*pages, live(view, same)])
        text = "\n".join(pages) if not files else files[0].content.decode()
        assert all(f"line {number}:" in text for number in range(lines))
        assert "It was cut." in pages[-1]


def test_nobody_is_pinged_and_a_result_stays_on_its_line() -> None:
    view = View()
    view.began("1", "list_workspaces", {})
    view.ended("1", "failed", "@everyone ```\nnew line")
    view.words("Hello @everyone")
    (page,) = shown(view)
    assert "@everyone" not in page
    assert page.splitlines()[0].startswith("❌")
    assert "```" not in page


def test_without_any_words_something_is_shown() -> None:
    assert final(View(), "", same, calls=0, usd=0.0)[0] == ["(no words)"]
