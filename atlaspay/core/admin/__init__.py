"""What every admin page is made of, and the pages of staff and of who came in."""

from atlaspay.core.admin import access_events, staff
from atlaspay.core.admin.base import COUNT_MAX, BoundedPaginator, ReadOnlyAdmin, choice_filter

__all__ = [
    "COUNT_MAX",
    "BoundedPaginator",
    "ReadOnlyAdmin",
    "access_events",
    "choice_filter",
    "staff",
]
