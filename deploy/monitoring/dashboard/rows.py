"""What the dashboard shows: one row for each question that an operator has, in Amplitude's and AppsFlyer's words."""

from typing import Final

from deploy.monitoring.dashboard.delivery import ANSWERS, HINDRANCES
from deploy.monitoring.dashboard.events import GLANCE, HAPPENED, KEEPING_UP, LACK
from deploy.monitoring.dashboard.process import PROCESS, STATE

ROWS: Final = (GLANCE, KEEPING_UP, HAPPENED, LACK, ANSWERS, HINDRANCES, STATE, PROCESS)
