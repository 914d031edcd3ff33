"""The round protocol, sans-IO: who sent what, when a round is complete, what must be sent again."""
