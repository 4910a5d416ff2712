"""Real parts on loopback for the demo and the tests: a Docker engine, an OpenSSH server, a scripted model."""
