"""The endpoints for the application, its commands, interactions and the guild."""

from __future__ import annotations

from collections.abc import Iterable

from . import checks, command_checks, guild
from .interactions import ANSWER_WITHIN, Answer, Interaction, Interactions
from .model import Message
from .rest import Call, Reply, Route, route
from .state import World
from .wire import Json, items, part


class ApplicationEndpoints:
    """Login, command sync, gateway discovery."""

    def __init__(self, world: World, gateway_url: str, flags: int) -> None:
        self._world, self._gateway_url, self._flags = world, gateway_url, flags

    def routes(self) -> list[Route]:
        commands = "/applications/{application_id}/commands"
        guild_commands = "/applications/{application_id}/guilds/{guild_id}/commands"
        return [
            route("GET", "/users/@me", lambda _: (200, guild.user_json(self._world))),
            route("GET", "/oauth2/applications/@me", self._application),
            route("GET", "/applications/@me", self._application),
            route("GET", "/gateway", lambda _: (200, {"url": self._gateway_url}), is_open=True),
            route("GET", "/gateway/bot", self._gateway_bot),
            *(route("GET", each, self._list_commands) for each in (commands, guild_commands)),
            *(route("PUT", each, self._sync, self._check_commands) for each in (commands, guild_commands)),
        ]

    def _application(self, _call: Call) -> Reply:
        return 200, guild.application_json(self._world, self._flags)

    def _gateway_bot(self, _call: Call) -> Reply:
        start = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        return 200, {"url": self._gateway_url, "shards": 1, "session_start_limit": start}

    def _scope(self, call: Call) -> int | None:
        return call.id("guild_id") if "guild_id" in call.params else None

    def _list_commands(self, call: Call) -> Reply:
        return 200, self._world.commands.get(self._scope(call), [])

    def _check_commands(self, call: Call) -> Iterable[str]:
        return command_checks.commands(call.body)

    def _sync(self, call: Call) -> Reply:
        """Bulk overwrite: keeps the id of a command that had this name and type before."""
        scope = self._scope(call)
        known = {(each["type"], each["name"]): each["id"] for each in self._world.commands.get(scope, [])}
        self._world.commands[scope] = [self._stored(command, scope, known) for command in call.body]
        self._world.changes.notify()
        return 200, self._world.commands[scope]

    def _stored(self, command: Json, scope: int | None, known: dict[tuple[int, str], str]) -> Json:
        kind = command.get("type") or command_checks.CHAT_INPUT
        permissions = command.get("default_member_permissions")
        return {
            **{key: value for key, value in command.items() if value is not None},
            "id": known.get((kind, command["name"]), str(self._world.ids())),
            "application_id": str(self._world.application_id),
            "version": str(self._world.ids()),
            "type": kind,
            "description": command.get("description") or "",
            "default_member_permissions": None if permissions is None else str(permissions),
            **({"guild_id": str(scope)} if scope else {}),
        }


class GuildEndpoints:
    """The guild, its members, roles, channels and active threads."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            route("GET", "/guilds/{guild_id}", lambda _: (200, guild.guild_json(self._world))),
            route("GET", "/guilds/{guild_id}/channels", self._channels),
            route("GET", "/guilds/{guild_id}/roles", self._roles),
            route("GET", "/guilds/{guild_id}/members/{user_id}", self._member),
            route("GET", "/guilds/{guild_id}/threads/active", self._active_threads),
            route("POST", "/users/@me/channels", self._direct),
            route("GET", "/users/{user_id}", lambda call: (200, self._world.member(call.id("user_id")).user.json())),
        ]

    def _direct(self, call: Call) -> Reply:
        user = self._world.member(int(call.body["recipient_id"])).user
        return 200, {**self._world.direct(user).json(), "recipients": [user.json()]}

    def _channels(self, _call: Call) -> Reply:
        return 200, [channel.json() for channel in self._world.channels.values() if not channel.is_thread]

    def _roles(self, _call: Call) -> Reply:
        return 200, [role.json() for role in self._world.roles.values()]

    def _member(self, call: Call) -> Reply:
        return 200, self._world.member(call.id("user_id")).json()

    def _active_threads(self, _call: Call) -> Reply:
        active = [thread for thread in self._world.threads() if not thread.archived]
        bot = self._world.bot.id
        return 200, {
            "threads": [self._world.thread_json(thread) for thread in active],
            "members": [thread.membership(bot) for thread in active if bot in thread.member_ids],
            "has_more": False,
        }


class InteractionEndpoints:
    """Callbacks, and the webhook of each interaction: its original response and follow-ups."""

    def __init__(self, world: World, interactions: Interactions) -> None:
        self._world, self._interactions = world, interactions

    def routes(self) -> list[Route]:
        webhook = "/webhooks/{webhook_id}/{webhook_token}"
        callback = "/interactions/{interaction_id}/{interaction_token}/callback"
        named = [f"{webhook}/messages/@original", f"{webhook}/messages/{{message_id}}"]
        return [
            route("POST", callback, self._callback, self._check_callback, is_open=True),
            route("POST", webhook, self._follow_up, self._check_new, is_open=True),
            *(route("GET", each, self._get, is_open=True) for each in named),
            *(route("PATCH", each, self._edit, self._check_edit, is_open=True) for each in named),
            *(route("DELETE", each, self._delete, is_open=True) for each in named),
        ]

    def _callback(self, call: Call) -> Reply:
        token = call.params["interaction_token"]
        interaction = self._interactions.callback(call.id("interaction_id"), token, call.body, call.uploads)
        return (200, self._interactions.callback_json(interaction)) if call.flag("with_response") else (204, None)

    def _check_callback(self, call: Call) -> Iterable[str]:
        number, data = call.id("interaction_id"), part(call.body, "data")
        interaction = next((each for each in self._interactions.sent if each.id == number), None)
        if interaction and interaction.answer is None and interaction.age > ANSWER_WITHIN:
            yield f"the first answer came after {interaction.age:.1f} s; {ANSWER_WITHIN} s are allowed"
        if interaction and interaction.answer is not None:
            yield "the interaction was already answered"
        match call.body["type"]:
            case Answer.MESSAGE:
                yield from checks.message(data, call.uploads)
            case Answer.UPDATE:
                yield from checks.message(data, call.uploads, interaction.source if interaction else None)
            case Answer.CHOICES:
                yield from command_checks.choices(items(data, "choices"))
            case Answer.MODAL:
                yield from command_checks.modal(data)
            case _:
                pass

    def _interaction(self, call: Call) -> Interaction:
        return self._interactions.by_token(call.params["webhook_token"])

    def _message(self, call: Call) -> Message:
        interaction = self._interaction(call)
        if "message_id" in call.params:
            return self._interactions.message(interaction, call.id("message_id"))
        return self._interactions.original(interaction)

    def _check_new(self, call: Call) -> Iterable[str]:
        return checks.message(call.body, call.uploads)

    def _check_edit(self, call: Call) -> Iterable[str]:
        return checks.message(call.body, call.uploads, self._message(call))

    def _follow_up(self, call: Call) -> Reply:
        return 200, self._interactions.follow_up(self._interaction(call), call.body, call.uploads).json()

    def _get(self, call: Call) -> Reply:
        return 200, self._message(call).json()

    def _edit(self, call: Call) -> Reply:
        return 200, self._world.edit_message(self._message(call), call.body, call.uploads).json()

    def _delete(self, call: Call) -> Reply:
        self._interactions.delete(self._interaction(call), self._message(call))
        return 204, None
