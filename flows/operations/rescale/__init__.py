"""From N slices to M: what the old ones have stored, dealt out to the new ones."""
