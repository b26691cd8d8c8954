"""Writes the dashboard for Grafana: python -m deploy.monitoring.dashboard > deploy/monitoring/dashboard.json."""

import json
import sys

from deploy.monitoring.dashboard.grafana import dashboard
from deploy.monitoring.dashboard.rows import ROWS


def text() -> str:
    """Return the file."""
    return json.dumps(dashboard(ROWS), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
