"""The fault plan: which requests are answered wrongly, late or not at all. A TOML or JSON file, read strictly."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Break = Literal["reset", "black_hole", "truncate", "close"]
"""`reset`: the connection is reset; `black_hole`: no answer, ever; `truncate`: half an answer; `close`: none at all."""

Status = Annotated[int, Field(ge=200, le=599)]
Names = str | list[str]
_DELAY_LIMIT_MS = 24 * 3600 * 1000


class FaultPlanError(ValueError):
    """The plan cannot be used; the message names the file, each wrong key and what is expected, on one line."""


class FaultRule(BaseModel):
    """One `[[rule]]`: which requests it matches, and what happens to them. The first rule that matches counts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of the requests that match otherwise; drawn from a seeded sequence."""
    event_name: Names | None = None
    app_id: Names | None = None
    customer_user_id: Names | None = None
    attempt: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=1)]] | None = None
    """Which attempts of the same body, counted from 1."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """How many requests it strikes at the most."""

    status: Status | None = None
    """200 is the documented answer, whatever that is for the request."""
    text: str | None = None
    """The answer's body; by default AppsFlyer's own text for that status."""
    statuses: list[Status | Break] | None = None
    """A script for each body: its first attempt gets the first, and so on; after the last the documented answer."""
    delay_ms: Annotated[float, Field(ge=0, le=_DELAY_LIMIT_MS)] = 0.0
    retry_after: Annotated[int, Field(ge=0)] | str | None = None
    """Seconds, or the text of a date."""
    kind: Literal["answer", "page"] | Break = "answer"
    """`page`: a sign-in page as HTML, with status 200 unless one is given, as networks and portals answer."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        answers = (self.status, self.text, self.statuses, self.retry_after)
        if self.kind == "answer" and answers == (None, None, None, None) and not self.delay_ms:
            raise ValueError("the rule does nothing: give it a status, statuses, delay_ms, retry_after or a kind")
        if self.kind != "answer" and self.statuses is not None:
            raise ValueError("statuses cannot go with a kind: write the kind into the list")
        if self.kind == "page" and (self.text, self.retry_after) != (None, None):
            raise ValueError("page has a text of its own: leave out text and retry_after")
        if self.kind not in ("answer", "truncate", "page") and answers != (None, None, None, None):
            raise ValueError(f"{self.kind} sends no answer: leave out status, text and retry_after")
        if self.statuses is not None and (self.status is not None or self.text is not None or not self.statuses):
            raise ValueError("give either status (and text) or a list of statuses")
        if self.text is not None and self.status is None:
            raise ValueError("a text needs a status")
        return self


class FaultPlan(BaseModel):
    """The whole plan. An empty one does nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seed: int = 0
    rule: list[FaultRule] = []

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a plan: JSON where the name ends in .json, else TOML. Raises FaultPlanError."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FaultPlanError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            data = orjson.loads(content) if path.suffix == ".json" else tomllib.loads(content.decode())
        except ValueError as error:
            form = "JSON" if path.suffix == ".json" else "TOML"
            raise FaultPlanError(f"{path}: is not valid {form}: {' '.join(str(error).split())}") from error
        return cls.of(data, str(path))

    @classmethod
    def of(cls, data: Any, where: str = "fault plan") -> Self:
        """Check a plan that is parsed already. Raises FaultPlanError, which begins with `where`."""
        if not isinstance(data, Mapping):
            raise FaultPlanError(f"{where}: must be an object with seed and rule")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            mistakes = dict.fromkeys(_mistake(each["loc"], each["type"], each["msg"]) for each in error.errors())
            raise FaultPlanError(f"{where}: {'; '.join(mistakes)}") from error


def _mistake(place: Sequence[str | int], kind: str, message: str) -> str:
    # Pydantic names the branch of a union after the key; people need the key only.
    depth = 3 if place[0] == "rule" else 1
    key = ".".join(f"{each + 1}" if isinstance(each, int) else each for each in place[:depth])
    if kind != "extra_forbidden":
        return f"{key}: {message.removeprefix('Value error, ')}"
    known = list(FaultRule.model_fields if len(place) > 1 else FaultPlan.model_fields)
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"{key}: unknown key; " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}")
