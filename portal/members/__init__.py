"""Who of a partner may come in: accounts, memberships, invitations."""
