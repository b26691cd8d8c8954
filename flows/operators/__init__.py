"""The steps as Bytewax calls them: batch in, batch out."""
