"""Deciding: what exists and what is wanted, compared without touching anything."""

from devbox.plan.changes import Action, Change, Difference, Existing, Plan
from devbox.plan.decide import decide
from devbox.plan.schema import Effect, Resource

__all__ = ["Action", "Change", "Difference", "Effect", "Existing", "Plan", "Resource", "decide"]
