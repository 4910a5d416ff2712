"""What the session relies on in the SDK beyond its documented part."""

from __future__ import annotations

import inspect

from elevenlabs.conversational_ai.conversation import AsyncConversation
from elevenlabs.version import __version__

from agents.voice.session import Session


def test_every_message_passes_the_hook_that_is_overridden() -> None:
    hook = vars(AsyncConversation)["_handle_message"]
    assert inspect.iscoroutinefunction(hook)
    assert list(inspect.signature(hook).parameters) == ["self", "message", "ws"]
    assert "await self._handle_message(message, ws)" in inspect.getsource(AsyncConversation)


def test_this_is_the_version_it_was_measured_with() -> None:
    assert __version__ == "2.78.0", f"see that {Session.__module__} still holds"
