"""Speech as Discord takes it for a voice message: Ogg Opus, 48 kHz mono, with its length and a picture of its loudness.

Discord shows a voice message only with both (https://discord.com/developers/docs/resources/message#voice-messages).
"""

from __future__ import annotations

import base64
import io
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from agents.voice.errors import VoiceError

if TYPE_CHECKING:
    import av

RATE = 48_000
"""Samples a second of what is made here."""
BARS = 256
"""Points of the picture at most."""
_BARS_A_SECOND = 10
_BITS = 32_000
_FULL = 32_768
_LONGEST_S = 1200
"""Discord's own clients record 20 minutes; what is decoded may be a thousand times as large as it came."""
_FORMAT, _LAYOUT = "s16", "mono"


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound as a voice message: an Ogg Opus file, its length in seconds, and `waveform`, at most 256 bytes in base64."""

    content: bytes = field(repr=False)
    duration_s: float
    waveform: str


def recorded(pcm: bytes, rate: int) -> Recording:
    """Of samples: mono, 16 bit, little-endian, `rate` a second. Raises VoiceError where there are none."""
    samples = _samples(pcm)
    if not samples:
        raise VoiceError("There is no sound in it.", remedy="Try it again.")
    return Recording(_ogg(samples, rate), len(samples) / rate, waveform(samples, rate))


def waveform(samples: array[int], rate: int) -> str:
    """The loudest of each tenth of a second, of 0 to 255, longer stretches where that makes more than 256; base64."""
    bars = min(BARS, max(1, len(samples) * _BARS_A_SECOND // rate))
    edges = [len(samples) * number // bars for number in range(bars + 1)]
    peaks = (_peak(samples[start:end]) for start, end in pairwise(edges))
    return base64.b64encode(bytes(min(255, peak * 256 // _FULL) for peak in peaks)).decode("ascii")


def decoded(content: bytes, rate: int = RATE) -> bytes:
    """The samples of a sound file of any usual format: mono, 16 bit, little-endian, `rate` a second.

    Raises VoiceError for what is no sound, or longer than 20 minutes.
    """
    import av  # noqa: PLC0415  18 MiB (measured) that a bot nobody speaks to does without
    from av.error import FFmpegError  # noqa: PLC0415  as above

    parts, left = list[bytes](), _LONGEST_S * rate * 2
    try:
        with av.open(io.BytesIO(content), "r") as file:
            for part in _resampled(file.decode(audio=0), rate):
                left -= len(part)
                if left < 0:
                    raise VoiceError("It is longer than 20 minutes.", remedy="Send it in parts.")
                parts.append(part)
    except (FFmpegError, IndexError) as error:
        raise VoiceError("It is no sound that I can read.", remedy="Record it again.") from error
    return b"".join(parts)


def _samples(pcm: bytes) -> array[int]:
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _peak(samples: array[int]) -> int:
    if not samples:
        return 0
    highest, lowest = max(samples), min(samples)
    return max(highest, -lowest)


def _ogg(samples: array[int], rate: int) -> bytes:
    import av  # noqa: PLC0415  as above

    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout=_LAYOUT)  # pyright: ignore[reportUnknownMemberType]  its stubs leave kwargs open
        stream.bit_rate = _BITS
        resampler = _resampler(RATE)
        for frame in (_frame(samples, rate), None):
            for made in resampler.resample(frame):
                container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frame(samples: array[int], rate: int) -> av.AudioFrame:
    import av  # noqa: PLC0415  as above

    frame = av.AudioFrame(format=_FORMAT, layout=_LAYOUT, samples=len(samples))
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    frame.planes[0].update(samples.tobytes())
    return frame


def _resampler(rate: int) -> av.AudioResampler:
    import av  # noqa: PLC0415  as above

    return av.AudioResampler(format=_FORMAT, layout=_LAYOUT, rate=rate)


def _resampled(frames: Iterable[av.AudioFrame], rate: int) -> Iterator[bytes]:
    resampler = _resampler(rate)
    for frame in chain(frames, (None,)):
        for made in resampler.resample(frame):
            yield bytes(made.planes[0])[: made.samples * 2]
