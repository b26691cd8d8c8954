"""What the dashboard shows: one row for each question that an operator has, in Amplitude's and AppsFlyer's words."""

from typing import Final

from connectors.metrics.dashboard.delivery import ANSWERS, HINDRANCES
from connectors.metrics.dashboard.events import GLANCE, HAPPENED, KEEPING_UP, LACK
from connectors.metrics.dashboard.process import PROCESS, STATE

ROWS: Final = (GLANCE, KEEPING_UP, HAPPENED, LACK, ANSWERS, HINDRANCES, STATE, PROCESS)
