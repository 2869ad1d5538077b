"""What compliance does: screen payouts, decide cases, verify the audit."""
