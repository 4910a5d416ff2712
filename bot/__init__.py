"""The face: Discord commands, threads and cards over the catalogue of `agents`."""
