"""A stand-in for Discord on loopback: gateway, REST API, and people who use it.

async with StandIn() as discord:
    channel, user = discord.world.add_channel("agents"), discord.world.add_member("ada")
    ...  # a client connects to discord.api_url and discord.gateway_url with discord.token
    await discord.connected()
    interaction = await discord.slash(user, channel, "spawn", task="fix add()")
    card = await interaction.reply()
    thread = await discord.thread_in(channel)
    await discord.message_in(thread, "done")
    assert not discord.violations
"""

from .actors import Choice
from .commands import CannotBeTypedError
from .interactions import Interaction
from .model import Attachment, Channel, Member, Message, Role, User
from .rest import Call, Violation
from .server import StandIn

__all__ = [
    "Attachment",
    "Call",
    "CannotBeTypedError",
    "Channel",
    "Choice",
    "Interaction",
    "Member",
    "Message",
    "Role",
    "StandIn",
    "User",
    "Violation",
]
