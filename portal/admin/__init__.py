"""The console's pages of partners' people, for the platform's support."""

from portal.admin import invitations, members

__all__ = ["invitations", "members"]
