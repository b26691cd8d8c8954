"""The dashboard: the vocabulary as pictures, in the order of an operator's questions."""
