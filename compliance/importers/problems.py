"""What is wrong with a file, collected so that one look mends all of it."""

from dataclasses import dataclass

from atlaspay.core.errors import FieldError, InvalidRequestError

PROBLEMS_MAX = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the file, its line (0 where it is the file as a whole), and a sentence."""

    file: str
    line: int
    words: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line:,}" if self.line else self.file
        return f"{where}: {self.words}"


class UnfitFileError(InvalidRequestError):
    """The files are no list of the format given; nothing was changed. `problems` says why."""

    title = "The list cannot be imported"

    def __init__(self, problems: list[Problem]) -> None:
        more = " (the first of more)" if len(problems) >= PROBLEMS_MAX else ""
        count = "One problem" if len(problems) == 1 else f"{len(problems)} problems{more}"
        super().__init__(
            f"{count}; nothing was imported. {problems[0]}",
            errors=[
                FieldError(pointer=f"/{each.file}/{each.line}", code="unreadable", detail=str(each))
                for each in problems
            ],
        )
        self.problems = problems


class Problems:
    """Collects up to `PROBLEMS_MAX` problems, then raises: a wrong format fails on every line."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, file: str, line: int, words: str) -> None:
        """Note one. Raises UnfitFileError at the limit."""
        self.found.append(Problem(file, line, words))
        if len(self.found) >= PROBLEMS_MAX:
            raise UnfitFileError(self.found)

    def raise_any(self) -> None:
        """Raise UnfitFileError if there were any."""
        if self.found:
            raise UnfitFileError(self.found)
