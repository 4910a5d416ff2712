"""Message components: walking them, reading them, and giving them the fields Discord fills in.

Types: https://discord.com/developers/docs/components/reference
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .wire import Json, items, part

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SELECTS = frozenset({3, 5, 6, 7, 8})
SECTION, TEXT_DISPLAY, THUMBNAIL, MEDIA_GALLERY, FILE, SEPARATOR, CONTAINER, LABEL = 9, 10, 11, 12, 13, 14, 17, 18
V2_TYPES = frozenset({9, 10, 11, 12, 13, 14, 17})
LINK_STYLE = 5

_FILLED_IN: Mapping[int, Json] = {
    THUMBNAIL: {"description": None, "spoiler": False},
    FILE: {"spoiler": False},
    SEPARATOR: {"spacing": 1, "divider": True},
    CONTAINER: {"accent_color": None, "spoiler": False},
    **{select: {"min_values": 1, "max_values": 1} for select in SELECTS},
}


@dataclass(frozen=True)
class Button:
    label: str | None
    custom_id: str | None
    url: str | None
    disabled: bool


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Every component, outermost first, with accessories and the contents of labels."""
    for component in components:
        yield component
        yield from walk(items(component, "components"))
        yield from walk(component[key] for key in ("accessory", "component") if component.get(key))


def texts(components: Iterable[Json]) -> list[str]:
    return [str(each.get("content", "")) for each in walk(components) if each.get("type") == TEXT_DISPLAY]


def embed_texts(embed: Json) -> list[str]:
    """The texts of an embed that count towards the 6000 characters a message's embeds may have."""
    fields = [field.get(key) for field in items(embed, "fields") for key in ("name", "value")]
    nested = [part(embed, "author").get("name"), part(embed, "footer").get("text")]
    return [str(text) for text in [embed.get("title"), embed.get("description"), *fields, *nested] if text]


def buttons(components: Iterable[Json]) -> list[Button]:
    return [
        Button(each.get("label"), each.get("custom_id"), each.get("url"), bool(each.get("disabled")))
        for each in walk(components)
        if each.get("type") == BUTTON
    ]


def find(components: Iterable[Json], custom_id: str) -> Json | None:
    return next((each for each in walk(components) if each.get("custom_id") == custom_id), None)


def completed(components: list[Json], files: Mapping[str, Json]) -> list[Json]:
    """The components as Discord returns them: numbered, defaults filled in, `attachment://` names resolved.

    `files` maps the name of an attachment to its JSON.
    """
    taken = {each["id"] for each in walk(components) if each.get("id")}
    numbers = (number for number in range(1, 10_000) if number not in taken)
    return [_completed(component, numbers, files) for component in components]


def _completed(component: Json, numbers: Iterator[int], files: Mapping[str, Json]) -> Json:
    present = {key: value for key, value in component.items() if value is not None}
    done = {**_FILLED_IN.get(component["type"], {}), **present}
    done["id"] = component.get("id") or next(numbers)
    if "components" in done:
        done["components"] = [_completed(child, numbers, files) for child in done["components"]]
    for key in ("accessory", "component"):
        if key in done:
            done[key] = _completed(done[key], numbers, files)
    return _with_media(done, files)


def _with_media(done: Json, files: Mapping[str, Json]) -> Json:
    if done["type"] == FILE:
        attachment = files.get(attachment_name(done["file"].get("url", "")), {})
        named = {"name": attachment.get("filename"), "size": attachment.get("size")}
        done |= {"file": _media(done["file"], files), **named}
    elif done["type"] == THUMBNAIL:
        done["media"] = _media(done["media"], files)
    elif done["type"] == MEDIA_GALLERY:
        done["items"] = [
            {"description": None, "spoiler": False, **item, "media": _media(item["media"], files)}
            for item in done["items"]
        ]
    return done


def _media(media: Json, files: Mapping[str, Json]) -> Json:
    attachment = files.get(attachment_name(media.get("url", "")))
    url = attachment["url"] if attachment else media.get("url", "")
    extra = {"attachment_id": attachment["id"]} if attachment else {}
    return {"id": attachment["id"] if attachment else "1", "url": url, "proxy_url": url, **extra}


def attachment_name(url: str) -> str:
    return url.removeprefix("attachment://") if url.startswith("attachment://") else ""


def media_urls(components: Iterable[Json]) -> Iterator[str]:
    """The URLs of every file, thumbnail and gallery item."""
    for each in walk(components):
        media = [each.get("file"), each.get("media"), *(item.get("media") for item in items(each, "items"))]
        yield from (str(one["url"]) for one in media if one and one.get("url"))
