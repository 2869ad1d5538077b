"""What can be wrong with a policy's text, and with the facts a rule asks for."""

from collections.abc import Sequence

from atlaspay.core.errors import AtlasError

Problem = tuple[str, str]


class PolicyError(AtlasError):
    """A policy's text does not make sense; it cannot be published.

    `problems` names each place (JSON pointer into the document) and says in words what is wrong.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems: list[Problem] = list(problems) or [("", message)]


class MissingFactError(AtlasError):
    """A rule needs a fact that is not known: that is never taken for agreement."""
