"""What screens where the live policy does not compile: everything is held."""

from compliance.rules.facts import Facts
from compliance.rules.needs import Needs
from compliance.rules.policy import Assessment, CompiledPolicy, Finding, Result, Verdict

CODE = "policy_broken"
REVIEW_MINUTES = 30


class BrokenPolicy(CompiledPolicy):
    """Stands in for a policy that cannot be understood. Not knowing is never agreement."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rules = ()
        self.review_score = 1
        self.block_score = None
        self.review_minutes = REVIEW_MINUTES
        self.needs = Needs()
        self._four_eyes = None
        words = "The live policy could not be understood, so every payout waits for an officer."
        finding = Finding(
            code=CODE, result=str(Result.ERROR), weight=1, words=words, trace={"error": CODE}
        )
        self._clear = Assessment(Verdict.REVIEW, score=1, findings=(finding,))

    def assess(self, facts: Facts) -> Assessment:
        """Hold it, whatever the facts."""
        return self._clear
