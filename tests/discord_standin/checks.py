"""Limits of messages that Discord enforces and its OpenAPI document does not describe, or describes too widely.

Each function returns the problems it finds, in words. Sources of the numbers:
https://discord.com/developers/docs/resources/message and https://discord.com/developers/docs/components/reference
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import components as ui
from . import mentions, voice
from .model import COMPONENTS_V2, VOICE, Message
from .state import Upload
from .wire import Json, items, part

CONTENT, V2_TEXT, COMPONENTS, EMBEDS, EMBED_TEXT, EMBED_FIELDS = 2000, 4000, 40, 10, 6000, 25
CUSTOM_ID, NONCE, ROWS, ROW_BUTTONS, OPTIONS, FILES, FILE_BYTES = 100, 25, 5, 5, 25, 10, 10 * 1024 * 1024
_EMBED_PARTS = {"title": 256, "description": 4096}
_FIELD_PARTS = {"name": 256, "value": 1024}


@dataclass(frozen=True)
class Draft:
    """A message as it will stand after the request."""

    content: str
    embeds: list[Json]
    components: list[Json]
    filenames: frozenset[str]
    v2: bool
    other: bool
    """Whether it has anything else that makes a message not empty: a poll, stickers."""


def message(body: Json, uploads: Mapping[int, Upload], before: Message | None = None) -> list[str]:
    """Problems of a request that creates a message, or edits `before`."""
    draft = _draft(body, uploads, before)
    return [
        *_text(draft),
        *(_v2(draft) if draft.v2 else _legacy(draft)),
        *components(draft.components),
        *_embeds(draft.embeds),
        *_files(draft, body, uploads),
        *(voice.problems(body, uploads) if (body.get("flags") or 0) & VOICE and before is None else []),
        *mentions.problems(body.get("allowed_mentions")),
        *_longer("nonce", str(body.get("nonce") or ""), NONCE),
    ]


def _draft(body: Json, uploads: Mapping[int, Upload], before: Message | None) -> Draft:
    described: dict[str, Json] = {str(each["id"]): each for each in items(body, "attachments")}
    names = {described.get(str(n), {}).get("filename") or upload.filename for n, upload in uploads.items()}
    if before:
        names |= {a.filename for a in before.attachments if "attachments" not in body or str(a.id) in described}
    flags = (body.get("flags") or 0) | (before.flags if before else 0)
    after = {**(_standing(before) if before else {}), **body}
    return Draft(
        content=after.get("content") or "",
        embeds=items(after, "embeds"),
        components=items(after, "components"),
        filenames=frozenset(names),
        v2=bool(flags & COMPONENTS_V2),
        other=bool(body.get("poll") or body.get("sticker_ids")),
    )


def _standing(before: Message) -> Json:
    return {"content": before.content, "embeds": before.embeds, "components": before.components}


def _text(draft: Draft) -> list[str]:
    filled = draft.content.strip() or draft.embeds or draft.components or draft.filenames or draft.other
    empty = [] if filled else ["the message is empty"]
    return [*empty, *_longer("content", draft.content, CONTENT)]


def _v2(draft: Draft) -> list[str]:
    length = sum(len(text) for text in ui.texts(draft.components))
    found = [
        (draft.content, "content is set on a message with Components V2"),
        (draft.embeds, "embeds are set on a message with Components V2"),
        (not draft.components, "Components V2 without components"),
        (length > V2_TEXT, f"the text displays have {length} characters; {V2_TEXT} in all are allowed"),
        (any(not text.strip() for text in ui.texts(draft.components)), "a text display is empty"),
    ]
    return [problem for wrong, problem in found if wrong]


def _legacy(draft: Draft) -> list[str]:
    new = sorted({each["type"] for each in ui.walk(draft.components)} & ui.V2_TYPES)
    found = [
        (new, f"component types {new} without the Components V2 flag"),
        (len(draft.components) > ROWS, f"{len(draft.components)} action rows; {ROWS} are allowed"),
    ]
    return [problem for wrong, problem in found if wrong]


def components(tree: list[Json]) -> list[str]:
    """Problems of the components of a message or a modal."""
    everything = list(ui.walk(tree))
    many = [f"{len(everything)} components; {COMPONENTS} in all are allowed"] if len(everything) > COMPONENTS else []
    return [*many, *_unique(everything), *(problem for each in everything for problem in _component(each))]


def _unique(everything: list[Json]) -> list[str]:
    return [
        f"{key} {value!r} is used {count} times"
        for key in ("custom_id", "id")
        for value, count in Counter(each[key] for each in everything if each.get(key)).items()
        if count > 1
    ]


def _component(component: Json) -> Iterable[str]:
    kind = component["type"]
    yield from _longer("custom_id", component.get("custom_id") or "", CUSTOM_ID)
    if kind == ui.ACTION_ROW:
        yield from _row(component)
    elif kind == ui.BUTTON:
        yield from _button(component)
    elif kind == ui.STRING_SELECT:
        yield from _select(component)
    elif kind == ui.SECTION and not 1 <= len(component["components"]) <= 3:
        yield f"a section has {len(component['components'])} texts; 1 to 3 are allowed"


def _row(row: Json) -> Iterable[str]:
    children: list[Json] = row["components"]
    select = any(child["type"] in ui.SELECTS for child in children)
    if not children or len(children) > (1 if select else ROW_BUTTONS):
        yield f"an action row has {len(children)} components; {ROW_BUTTONS} buttons or 1 select are allowed"


def _button(button: Json) -> Iterable[str]:
    link = button.get("style") == ui.LINK_STYLE
    if link and (not button.get("url") or button.get("custom_id")):
        yield "a link button needs a url and no custom_id"
    if not link and (button.get("url") or not (button.get("custom_id") or button.get("sku_id"))):
        yield "a button needs a custom_id and no url"
    if not (button.get("label") or button.get("emoji") or button.get("sku_id")):
        yield "a button has neither label nor emoji"
    yield from _longer("button label", button.get("label") or "", 80)


def _select(select: Json) -> Iterable[str]:
    options: list[Json] = items(select, "options")
    if not 1 <= len(options) <= OPTIONS:
        yield f"a select has {len(options)} options; 1 to {OPTIONS} are allowed"
    if len({option["value"] for option in options}) < len(options):
        yield "a select has two options of the same value"
    for option in options:
        for key in ("label", "value", "description"):
            yield from _longer(f"select option {key}", option.get(key) or "", 100)


def _embeds(embeds: list[Json]) -> list[str]:
    total = sum(len(text) for embed in embeds for text in ui.embed_texts(embed))
    many = [f"{len(embeds)} embeds; {EMBEDS} are allowed"] if len(embeds) > EMBEDS else []
    long = [f"the embeds have {total} characters; {EMBED_TEXT} in all are allowed"] if total > EMBED_TEXT else []
    return [*many, *long, *(problem for embed in embeds for problem in _embed(embed))]


def _embed(embed: Json) -> Iterable[str]:
    fields: list[Json] = items(embed, "fields")
    if len(fields) > EMBED_FIELDS:
        yield f"an embed has {len(fields)} fields; {EMBED_FIELDS} are allowed"
    for key, limit in _EMBED_PARTS.items():
        yield from _longer(f"embed {key}", embed.get(key) or "", limit)
    for key, limit in _FIELD_PARTS.items():
        for field in fields:
            yield from _longer(f"embed field {key}", field.get(key) or "", limit)
            if not str(field.get(key) or "").strip():
                yield f"embed field {key} is empty"
    yield from _longer("embed footer", part(embed, "footer").get("text") or "", 2048)
    yield from _longer("embed author", part(embed, "author").get("name") or "", 256)


def _files(draft: Draft, body: Json, uploads: Mapping[int, Upload]) -> Iterable[str]:
    if len(draft.filenames) > FILES:
        yield f"{len(draft.filenames)} files; {FILES} are allowed"
    for upload in uploads.values():
        if len(upload.data) > FILE_BYTES:
            yield f"{upload.filename} has {len(upload.data)} bytes; {FILE_BYTES} are allowed"
    if "attachments" in body:
        listed = {str(each["id"]) for each in items(body, "attachments")}
        yield from (f"files[{n}] is not listed in attachments" for n in uploads if str(n) not in listed)
    for url in ui.media_urls(draft.components):
        name = ui.attachment_name(url)
        if name and name not in draft.filenames:
            yield f"{url} names no attachment of this message"


def _longer(what: str, text: str, limit: int) -> list[str]:
    return [f"{what} has {len(text)} characters; {limit} are allowed"] if len(text) > limit else []
