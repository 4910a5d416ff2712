"""Speech becomes a voice message as Discord takes it: Ogg Opus, 48 kHz mono, with its length and a picture."""

from __future__ import annotations

import base64
import io
import math
import wave
from array import array
from itertools import pairwise

import av
import pytest

from agents.voice.errors import VoiceError
from agents.voice.opus import BARS, RATE, decoded, recorded, waveform


def tone(seconds: float, rate: int, loudness: float = 0.5) -> bytes:
    count = round(seconds * rate)
    return array("h", (round(loudness * 32767 * math.sin(at * 880 * math.pi / rate)) for at in range(count))).tobytes()


def bars(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_samples_become_ogg_opus_of_their_length(rate: int) -> None:
    made = recorded(tone(1.25, rate), rate)
    assert made.duration_s == pytest.approx(1.25)
    assert made.content.startswith(b"OggS")
    with av.open(io.BytesIO(made.content), "r") as file:
        (stream,) = file.streams.audio
        assert (stream.codec_context.name, stream.rate, stream.layout.name) == ("opus", RATE, "mono")
    again = decoded(made.content)
    assert len(again) / 2 / RATE == pytest.approx(1.25, abs=0.03)


def test_the_sound_survives() -> None:
    sound = decoded(recorded(tone(1, RATE), RATE).content)
    loud = array("h", sound[RATE // 2 : RATE])
    crossings = sum((one < 0) != (two < 0) for one, two in pairwise(loud))
    assert crossings / (len(loud) / RATE) == pytest.approx(880, rel=0.02)


def test_the_picture_shows_where_it_is_loud_and_never_has_too_many_points() -> None:
    quiet_then_loud = array("h", tone(1, 16_000, 0.1) + tone(1, 16_000, 1.0))
    shown = bars(waveform(quiet_then_loud, 16_000))
    assert len(shown) == 20
    assert max(shown[:10]) < 30 < 250 < min(shown[10:])
    assert len(bars(waveform(array("h", bytes(2 * 600 * 1000)), 1000))) == BARS
    assert bars(waveform(array("h", [-32768]), 16_000)) == b"\xff"


@pytest.mark.parametrize("pcm", [b"", b"\0"])
def test_nothing_is_no_recording(pcm: bytes) -> None:
    with pytest.raises(VoiceError, match="no sound"):
        recorded(pcm, 16_000)


@pytest.mark.parametrize("content", [b"", b"no sound", b"OggS" + bytes(100)])
def test_what_is_no_sound_is_refused(content: bytes) -> None:
    with pytest.raises(VoiceError, match="no sound that I can read"):
        decoded(content)


def test_what_unpacks_to_hours_is_refused() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as silence:
        silence.setnchannels(1)
        silence.setsampwidth(1)
        silence.setframerate(4000)
        silence.writeframes(bytes(4000 * 1260))
    with pytest.raises(VoiceError, match="longer than 20 minutes"):
        decoded(file.getvalue(), 8000)
