"""The base of every table of settings; a kind's own tables stand in its folder."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file. Keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
