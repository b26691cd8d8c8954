"""The parts of the sample archive: who uses the invented app «Trailmix», and what they do in it."""
