"""What runs in the gateway's container: Envoy, and what tells it who may reach what and counts the spend. Standard library only."""
