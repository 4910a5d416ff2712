"""/spawn: from the command to the end message, on real parts."""

from __future__ import annotations

from tests.bot.conftest import Scene


async def test_spawn_repairs_the_repository_and_tells_it_in_a_thread(scene: Scene) -> None:
    interaction = await scene.slash("spawn", task="fix add() and add a test")
    await interaction.answered()
    assert interaction.deferred
    assert interaction.seconds_to_answer is not None
    assert interaction.seconds_to_answer < 1
    anchor = await interaction.reply()
    thread = await scene.new_thread(set())
    end = await scene.end_of(thread)
    assert thread.id == anchor.id
    print(scene.discord.transcript(scene.channel))
    print(scene.discord.transcript(thread))
    assert "Done" in end.text
