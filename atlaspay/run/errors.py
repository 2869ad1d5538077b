"""Why a run could not go on."""


class RunError(Exception):
    """The text is one line and says what to do."""
