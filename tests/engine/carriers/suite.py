"""All of what a carrier must do, to inherit from."""

from __future__ import annotations

from tests.engine.carriers.carrying import CarriesRuns
from tests.engine.carriers.stopping import Stops
from tests.engine.carriers.takeover import TakesOver
from tests.engine.carriers.unanswered import Unanswered
from tests.engine.carriers.waits import Waits

__all__ = ["CarriesRuns", "Stops", "TakesOver", "Unanswered", "Waits"]
