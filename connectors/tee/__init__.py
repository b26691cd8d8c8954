"""The tee: a durable queue of what was taken in, and who sends it on to Amplitude."""
