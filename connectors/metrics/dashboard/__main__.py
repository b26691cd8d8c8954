"""Writes the dashboard for Grafana: python -m connectors.metrics.dashboard > deploy/monitoring/dashboard.json."""

import json
import sys

from connectors.metrics.dashboard.grafana import dashboard
from connectors.metrics.dashboard.rows import ROWS


def text() -> str:
    """Return the file."""
    return json.dumps(dashboard(ROWS), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
