"""The dashboard: the same page for a partner (in the portal) and for all partners (in the
console), from the sums of `payouts.rollups`. A door gives the scope, frame and addresses.
"""
