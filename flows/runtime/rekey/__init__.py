"""The rekeying of a topic: what its process shares, how it starts, what it tells."""
