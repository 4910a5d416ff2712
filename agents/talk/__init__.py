"""The text agent: a model that does with the catalogue's tools what a person asks for in words."""
