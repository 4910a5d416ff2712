"""Listens, offline: what is said in a sound, as far as it is one of the sentences below.

A grammar keeps it reliable with espeak-ng's voice and the small model that pocketsphinx (5.1.1) brings; which of the sentences it
was is heard, not known.
"""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from pathlib import Path
from typing import Any, cast

from pocketsphinx import Decoder  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]  it has none

from agents.voice.opus import decoded
from vps.testing.packages import provide, run_program

RATE = 16_000
_GRAMMAR = """#JSGF V1.0;
grammar sentences;
<thing> = parser | database;
public <sentence> = add a test for the <thing>
    | how are my agents doing
    | please use the small database
    | stop the agent
    | two agents are at work
    | agents stop the <thing>;
"""
_SPEAKING_S = 30.0
_ALONE = threading.Lock()
_PAUSE = bytes(RATE // 2)


def words(sound: bytes) -> str:
    """What is said in a sound file; empty where nothing is understood. Raises VoiceError for what is none."""
    samples = _PAUSE + decoded(sound, RATE) + _PAUSE
    with _ALONE:
        listener = _listener()
        listener.start_utt()
        listener.process_raw(samples, no_search=False, full_utt=True)
        listener.end_utt()
        heard = listener.hyp()
    return heard.hypstr if heard else ""


@cache
def _listener() -> Any:
    # Over each sound by itself: by default what was heard before changes what is heard.
    listener = cast("Any", Decoder)(lm=None, loglevel="FATAL", cmn="batch")
    listener.add_jsgf_string("sentences", _GRAMMAR)
    listener.activate_search("sentences")
    return listener


async def said(text: str, directory: Path) -> bytes:
    """A WAV file in which espeak-ng says that."""
    program = await provide("espeak-ng", ["espeak-ng"], print)
    file = directory / "said.wav"
    argv = (program, "-v", "en-us+f3", "-s", "120", "-g", "6", "-w", str(file), text)
    code, output = await run_program(*argv, timeout=_SPEAKING_S)
    assert code == 0, output
    return await asyncio.to_thread(file.read_bytes)
