"""A secret that the settings name: whether it is there."""

from connectors.finding import Finding, Mark
from connectors.secrets import Secret, SecretError, SecretRef


def secret_finding(place: str, ref: SecretRef, otherwise: Mark, do: str = "", what: str = "key") -> Finding:
    """Return what is found of the secret that stands at a place in the settings; never its value."""
    try:
        Secret(ref).value()
    except SecretError as error:
        return Finding(otherwise, f"{place}: {error}", do)
    return Finding(Mark.FINE, f"{place}: there is a {what} in {ref}")
