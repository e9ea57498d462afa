"""All alerts, a module for each subject.

An alert is here if somebody has to do something about it, and says what first. What mends itself (a failover,
a standby that is cloned again) is told by events and conditions, and alerts only when it has not.
"""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.alert import Alert, Group
from deploy.generate.monitoring.alerts.access import ACCESS
from deploy.generate.monitoring.alerts.backups import BACKUPS
from deploy.generate.monitoring.alerts.instances import INSTANCES
from deploy.generate.monitoring.alerts.keddah import KEDDAH
from deploy.generate.monitoring.alerts.load import LOAD
from deploy.generate.monitoring.alerts.replication import REPLICATION
from deploy.generate.monitoring.alerts.storage import STORAGE

GROUPS: Final[tuple[Group, ...]] = (INSTANCES, REPLICATION, LOAD, STORAGE, BACKUPS, ACCESS, KEDDAH)
ALERTS: Final[tuple[Alert, ...]] = tuple(alert for group in GROUPS for alert in group.alerts)
