"""What agents and workspaces are called aloud, and which one somebody means: "agent seven, the REST API one"."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.tools.views import AgentView
from agents.voice import words
from vps.errors import BadInput
from vps.host.layout import NAME
from vps.run import short

_MOST_WORDS = 3
_MOST_NAMED = 5
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and the to of for in on at by with from into that this it its is are be my our your their please some all so then "
        "add make write create fix do build implement update change let run use new can could should would you i we me us "
        "agent number one task which what who about",
    )
)
"""Words that tell no task from another."""
_PART = rf"(?:{'|'.join(sorted(words.PARTS, key=len, reverse=True))}|\d+)(?![^\W_])"
_NUMBER = re.compile(
    # "No" alone is none of it: "no one".
    rf"(?:the\s+)?(?P<agent>(?:agent\s+number|agent|number|no\.|no(?=\s*\d)|\#)\s*)?(?P<number>{_PART}(?:[\s-]+(?:and\s+)?{_PART})*)",
    re.IGNORECASE,
)
_ENDS_A_NAME = re.compile(r"\s*(?:,|\.?$|the\b)", re.IGNORECASE)
"""After a number that nothing says is one: "three tests" is none."""
_SMALL = frozenset(
    {"workspace", "workspaces", "repo", "repository", "project", "the", "my", "our", "a", "called", "named"}
)
_ID = re.compile(r"[0-9a-f]{8,64}|[a-z0-9]{6}")


@dataclass(frozen=True, slots=True)
class Named:
    """An agent with its number."""

    id: str
    number: int
    task: str = ""
    state: str = ""

    @property
    def spoken(self) -> str:
        """`agent seven, the REST API one`."""
        said = label(self.task)
        return f"agent {words.number(self.number)}" + (f", the {said} one" if said else "")

    @property
    def brief(self) -> str:
        """`agent seven`."""
        return f"agent {words.number(self.number)}"


def label(task: str) -> str:
    """The first few words of a task that tell it from others, as they are written."""
    found = [word for word in _words(task[:2000]) if word.lower() not in _EMPTY and len(word) <= 20]
    return " ".join(found[:_MOST_WORDS])


def numbered(before: Mapping[str, int], ids: Iterable[str]) -> dict[str, int]:
    """A number for each run, oldest names first: it keeps the one it has, and none is given twice."""
    new = sorted({each for each in ids if each not in before})
    return {**before, **dict(zip(new, itertools.count(max(before.values(), default=0) + 1), strict=False))}


def roll(before: Mapping[str, int], agents: Sequence[AgentView]) -> list[Named]:
    """The listed agents with their numbers, in the order of those."""
    numbers = numbered(before, (agent.container_id for agent in agents))
    named = [Named(each.container_id, numbers[each.container_id], each.task, each.state) for each in agents]
    return sorted(named, key=lambda each: each.number)


def resolve(given: str, agents: Sequence[Named], before: Sequence[Named] = ()) -> str:
    """The run that is meant by a number, by words of its task, or by its id; an id of a run that is not listed as it is.

    `agents` are those listed now; one of `before`, which had its name told, is meant by its number, and by words that fit none
    of those. Raises BadInput, worded as a question, where several fit or none does, or a number and words do not agree.
    """
    said, known = given.strip(), [*{each.id: each for each in (*agents, *before)}.values()]
    if hit := [each.id for each in known if said in (each.id, short(each.id))]:
        return hit[0]
    counted = _number(said)
    if counted is not None:
        return _by_number(*counted, agents, known)
    if NAME.fullmatch(said):
        return said
    fitting = _fitting(said, agents) or _fitting(said, known)
    if len(fitting) == 1:
        return fitting[0].id
    if fitting:
        raise BadInput("container_id", "several agents fit.", remedy=f"Do you mean {_either(fitting)}?")
    if _ID.fullmatch(said) and any(sign.isdigit() for sign in said):
        return said
    raise BadInput("container_id", "no agent fits that.", remedy=_which(agents))


def _by_number(number: int, rest: str, agents: Sequence[Named], known: Sequence[Named]) -> str:
    """`rest` is what was said besides the number."""
    found = next((each for each in known if each.number == number), None)
    if found is None:
        raise BadInput("container_id", f"there is no agent {words.number(number)}.", remedy=_which(agents))
    fitting = _fitting(rest, known)
    if found in fitting or not _telling(rest) or not (fitting or label(found.task)):
        return found.id
    either = _either([found, *fitting])
    raise BadInput("container_id", "the number and the words are not one agent's.", remedy=f"Do you mean {either}?")


def resolve_workspace(given: str, names: Sequence[str]) -> str:
    """The workspace that is meant: `a p i`, `my api` or `the API workspace` is `api`.

    Raises BadInput, worded as a question, where several fit or none does.
    """
    if given in names:
        return given
    fitting = _fitting_workspaces(given, names)
    # A workspace goes before the further trees of it.
    whole = [name for name in fitting if "--" not in name] or fitting
    if len(whole) == 1:
        return whole[0]
    if whole:
        said = words.listed(_told_apart(whole[:_MOST_NAMED]), "or")
        raise BadInput("workspace_name", "several workspaces fit.", remedy=f"Do you mean {said}?")
    known = words.listed(_told_apart(names[:_MOST_NAMED]))
    remedy = f"There is {known}." if known else "There are none yet."
    raise BadInput("workspace_name", "no workspace fits that.", remedy=remedy)


def _fitting_workspaces(given: str, names: Sequence[str]) -> list[str]:
    """By the whole name, then by the name aloud, then the same without small words, then by how a word of it begins."""
    meant = [each for each in map(_squeezed, _without_small(_words(given))) if each]
    for each in dict.fromkeys(meant):
        exact = [name for name in names if _squeezed(name) == each]
        if exact := exact or [name for name in names if each in map(_squeezed, (workspace(name), _whole(name)))]:
            return exact
    return [name for name in names if meant and any(start.startswith(meant[-1]) for start in _starts(name))]


def _without_small(said: list[str]) -> Iterator[str]:
    """All that was said, then less and less of it: a letter that is spelt may look like a small word."""
    small = [word.lower() in _SMALL for word in said]
    first = small.index(False) if False in small else 0
    last = len(said) - (small[::-1].index(False) if False in small else 0)
    for end in (len(said), last):
        yield from (" ".join(said[start:end]) for start in range(first + 1))
    yield " ".join(word for word, is_small in zip(said, small, strict=True) if not is_small)


def _starts(name: str) -> list[str]:
    """What follows each place where a word of a name begins."""
    parts = _words(name)
    return [_squeezed("".join(parts[at:])) for at in range(len(parts))]


def _told_apart(names: Sequence[str]) -> list[str]:
    """As they are said, in full where two would sound alike."""
    short_ones = Counter(map(workspace, names))
    return [workspace(name) if short_ones[workspace(name)] == 1 else _whole(name) for name in names]


def workspace(name: str) -> str:
    """A workspace's name aloud; a further tree by its first words."""
    return _aloud(name, _MOST_WORDS)


def _whole(name: str) -> str:
    return _aloud(name, None)


def _aloud(name: str, most: int | None) -> str:
    base, _, slug = name.partition("--")
    said = re.sub(r"[_-]+", " ", base)
    tree = " ".join(slug.split("-")[:most])
    return f"{said}, the {tree} tree" if tree else said


def _number(said: str) -> tuple[int, str] | None:
    """A number at the beginning, and what follows it. Raises BadInput for several in a row that make none."""
    found = _NUMBER.match(said)
    if found is None:
        return None
    parts = [part for part in re.split(r"[\s-]+", found["number"]) if part]
    if not (found["agent"] or _ENDS_A_NAME.match(said, found.end())):
        return None
    number = words.said_number(" ".join(parts))
    if number is None:
        raise BadInput("container_id", f"{found['number']} is no number.", remedy="Which number do you mean?")
    return number, said[found.end() :]


def _fitting(said: str, agents: Sequence[Named]) -> list[Named]:
    """Those whose task has all the words, else those with most of them."""
    asked = _telling(said)
    if not asked:
        return []
    hits = {each.id: sum(1 for word in asked if _has(each.task, word)) for each in agents}
    best = max(hits.values(), default=0)
    return [each for each in agents if best and hits[each.id] == best and 2 * best >= len(asked)]


def _telling(said: str) -> set[str]:
    return {word.lower() for word in _words(said)} - _EMPTY


def _has(task: str, word: str) -> bool:
    return any(each == word or each.rstrip("s") == word.rstrip("s") for each in map(str.lower, _words(task)))


def _either(agents: Sequence[Named]) -> str:
    said = [f"{each.spoken}," if label(each.task) else each.spoken for each in agents[:_MOST_NAMED]]
    if len(said) == 1:
        return said[0].rstrip(",")
    return f"{' '.join(each if each.endswith(',') else f'{each},' for each in said[:-1])} or {said[-1].rstrip(',')}"


def _which(agents: Sequence[Named]) -> str:
    if not agents:
        return "There are no agents."
    more = f" and {words.number(len(agents) - _MOST_NAMED)} more" if len(agents) > _MOST_NAMED else ""
    return f"There is {'; '.join(each.spoken for each in agents[:_MOST_NAMED])}{more}."


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)?", text)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
