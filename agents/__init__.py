"""The crew: one catalogue of tools, and the surfaces that are projections of it."""
