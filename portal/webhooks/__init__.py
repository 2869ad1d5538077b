"""The portal's pages of webhooks: endpoints, their secrets and checks, deliveries."""
