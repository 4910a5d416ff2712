"""A stand-in for Discord on loopback: gateway, REST API, and people who use it."""

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
