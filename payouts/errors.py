"""Errors of the payouts app that are not refusals of a caller's input."""

from atlaspay.core.errors import AtlasError


class LostRaceError(AtlasError):
    """A row is no longer as this unit loaded it: somebody else moved it. Rolling back and looking
    again is safe.
    """
