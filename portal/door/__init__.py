"""The portal's door: sign-in, second factor, leaving, switching partners, links from mails."""
