"""What payouts came to, summed by hour and day, so that a year is read in milliseconds.

`tables` holds the sums, `roll` adds to them what history says is new, `rebuild` counts all anew,
`figures` reads them. Nothing here changes a payout, and nothing of a payout's path waits for it.
"""
