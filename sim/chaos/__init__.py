"""Proof that nothing is lost: many calls under faults, and a count of what arrived."""
