"""The process of a collector, with or without the stream beside it."""
