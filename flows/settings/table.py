"""The base of every table in stream.toml."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file. Keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
