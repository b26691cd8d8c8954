"""HTTP clients that send in bulk."""
