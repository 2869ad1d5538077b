"""Who may come into the console: sign-in, second factor, throttle, session ends, access log."""
