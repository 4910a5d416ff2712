"""How a turn ended, in the thread."""

from __future__ import annotations

from vps.outcome import judge_turn
from vps.tally import Tally

from .card import Figures, end_message


def ended(tally: Tally, asker: str, work: str) -> tuple[str, tuple[str, ...]]:
    """What the turn that has just ended came to, for `asker`, a mention; and what may be done about it in the workspace `work`."""
    changes = tally.changes
    figures = Figures(tally.last_turn_s * 1000, tally.last_answers, tally.last_cost_usd)
    text = end_message(asker, figures, judge_turn(tally), changes)
    did = (f"work:{work}",) if changes is not None and changes.files > 0 else ()
    return text, (*(("ping",) if asker else ()), *did)
