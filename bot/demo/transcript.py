"""A channel or thread as plain text, for terminals and tests."""

from collections.abc import Iterator

from simcord.backend.models import Message

from bot.demo.view import shown
from bot.demo.world import Json, World

LOADING = 1 << 7


def thread_text(world: World, channel_id: int) -> str:
    """Every message of a channel or thread: who wrote it, its text, Components V2 text, buttons and file names."""
    return "\n".join(message_text(world, message) for message in shown(world, channel_id))


def message_text(world: World, message: Message) -> str:
    """One message: its author, then its parts, one below the other."""
    author = world.backend.get_user(message.author_id)
    body = "\n".join(_parts(message))
    indented = "\n".join(f"  {line}".rstrip() for line in body.splitlines())
    return f"{author.global_name or author.name}:\n{indented}"


def _parts(message: Message) -> Iterator[str]:
    if message.flags & LOADING:
        yield "(thinking…)"
    if message.content:
        yield message.content
    for embed in message.embeds:
        yield from filter(None, (embed.get("title"), embed.get("description")))
    for component in message.components:
        yield from _component(component)
    for attachment in message.attachments:
        yield f"[file {attachment['filename']}, {attachment['size']} bytes]"


def _component(part: Json) -> Iterator[str]:
    if "content" in part:
        yield part["content"]
    for child in part.get("components", []):
        yield from _component(child)
    if "accessory" in part:
        yield from _component(part["accessory"])
    if part.get("label"):
        yield f"[{part['label']}{' (disabled)' if part.get('disabled') else ''}]"
