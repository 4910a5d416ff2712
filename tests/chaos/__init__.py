"""All that a run passes through on its way into its thread is broken, and what threads hold is compared with the logs."""
