"""Of the instances, their standbys and volumes, and what applications do to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.series import instance, keddah
from tests.alerts.case import Case, Samples, written

_ORDERS: Final = {"namespace": "shop", "database": "orders"}
_FIRST: Final = {**_ORDERS, "pod": "orders-0"}
_SECOND: Final = {**_ORDERS, "pod": "orders-1"}
_SLOT: Final = {**_FIRST, "slot_name": "cdc"}
_DAY: Final = 86400
_GIB: Final = float(1 << 30)


def _of(name: str, pod: dict[str, str], **labels: str) -> str:
    return written(instance(name), **pod, **labels)


def _said(name: str, **labels: str) -> str:
    return written(keddah(name), **_ORDERS, pod="keddah-controller-a", component="controller", **labels)


def _falling(begin: float, each: float, steps: int) -> Samples:
    return tuple((begin - each * step, 1) for step in range(steps))


INSTANCES: Final = (
    Case(
        "KeddahNoPrimary",
        # The first is lost; the other is promoted late, the last to be promoted at once.
        {
            _of("up", _FIRST): ((1, 5), (0, 20)),
            _of("up", _SECOND): ((1, 25),),
            _of("pg_replication_is_replica", _FIRST): ((0, 5), (None, 20)),
            _of("pg_replication_is_replica", _SECOND): ((1, 10), (0, 15)),
        },
        fires=7,
        quiet=(4, 6, 11),
        labels=_ORDERS,
    ),
    *(
        Case(
            alert,
            {
                _said("keddah_database_condition", condition=condition): (
                    (well, 5),
                    (1 - well, 30),
                    (well, 9),
                ),
                _said("keddah_database_instances"): ((2, 44),),
            },
            fires=5 + minutes,
            quiet=(4, 4 + minutes, 36),
            labels=_ORDERS,
        )
        for alert, condition, well, minutes in (
            ("KeddahStalled", "Stalled", 0, 5),
            ("KeddahNotReady", "Ready", 1, 20),
            ("KeddahNotReplicated", "Replicated", 1, 15),
        )
    ),
    Case(
        "KeddahNotReplicated",
        # A single instance has nothing to replicate to.
        {
            _said("keddah_database_condition", condition="Replicated"): ((0, 60),),
            _said("keddah_database_instances"): ((1, 30), (2, 30)),
        },
        fires=45,
        quiet=(20, 44),
        labels=_ORDERS,
    ),
    Case(
        "KeddahTwoPrimaries",
        {
            _of("pg_replication_is_replica", _FIRST): ((0, 20),),
            _of("pg_replication_is_replica", _SECOND): ((1, 5), (0, 5), (1, 10)),
        },
        fires=8,
        quiet=(4, 6, 11),
        labels=_ORDERS,
        value="2",
    ),
    Case(
        "KeddahInstanceDown",
        {_of("up", _FIRST): ((1, 40),), _of("pg_up", _FIRST): ((1, 5), (0, 20), (1, 10))},
        fires=15,
        quiet=(4, 14, 26),
        labels=_FIRST,
    ),
    Case(
        "KeddahInstanceDown",
        {_of("up", _FIRST): ((1, 5), (0, 20), (1, 10)), _of("pg_up", _FIRST): ((1, 5), (None, 20), (1, 10))},
        fires=15,
        quiet=(4, 14, 26),
        labels=_FIRST,
    ),
    Case(
        "KeddahInstanceRestarting",
        {
            _of("pg_postmaster_start_time_seconds", _FIRST): (
                (0, 10),
                *((60.0 * start, 5) for start in range(10, 30, 5)),
                (1900, 90),
            )
        },
        fires=31,
        quiet=(20, 100),
        labels=_FIRST,
        value="5",
    ),
    Case(
        "KeddahCertificateExpiring",
        # Time begins at 0 here.
        {
            _of("keddah_instance_certificate_expiry_timestamp_seconds", _FIRST): (
                (8 * _DAY, 48),
                (_DAY * 99, 9),
            )
        },
        fires=26,
        quiet=(24, 25, 49),
        labels=_FIRST,
        value="6d 22h 0m 0s",
        step=timedelta(hours=1),
    ),
)

REPLICATION: Final = (
    Case(
        "KeddahCommitsWait",
        {
            _of("pg_replication_synchronous", _FIRST): ((1, 20), (0, 10)),
            _of("pg_replication_synchronous_standbys", _FIRST): ((2, 5), (0, 25)),
        },
        fires=7,
        quiet=(4, 6, 21),
        labels=_FIRST,
    ),
    Case(
        "KeddahStandbyBehind",
        {_of("pg_replication_lag_seconds", _SECOND): ((1, 5), (3600, 20), (0, 10))},
        fires=15,
        quiet=(4, 14, 25),
        labels=_SECOND,
        value="1h 0m 0s",
    ),
    Case(
        "KeddahSlotHoldsWAL",
        # A standby has a copy of the slot, of which nobody is told.
        {
            **{_of("keddah_instance_volume_bytes", pod): ((10 * _GIB, 90),) for pod in (_FIRST, _SECOND)},
            _of("pg_replication_is_replica", _FIRST): ((0, 90),),
            _of("pg_replication_is_replica", _SECOND): ((1, 90),),
            **{
                _of("pg_replication_slots_pg_wal_lsn_diff", pod, slot_name="cdc", slot_type="logical"): (
                    (0, 5),
                    (2 * _GIB, 80),
                )
                for pod in (_FIRST, _SECOND)
            },
            **{
                _of("pg_replication_slot_slot_is_active", pod, slot_name="cdc", slot_type="logical"): (
                    (0, 60),
                    (1, 25),
                )
                for pod in (_FIRST, _SECOND)
            },
        },
        fires=35,
        quiet=(4, 34, 61),
        labels=_SLOT,
        value="20%",
    ),
    Case(
        "KeddahSlotLost",
        {
            _of("pg_replication_is_replica", _FIRST): ((0, 90),),
            _of("pg_replication_slot_lost", _FIRST, slot_name="cdc", slot_type="logical"): (
                (0, 5),
                (1, 70),
                (None, 10),
            ),
        },
        fires=65,
        quiet=(4, 64, 81),
        labels=_SLOT,
    ),
)

LOAD: Final = (
    Case(
        "KeddahConnectionsNearLimit",
        {
            _of("pg_settings_max_connections", _FIRST): ((103, 30),),
            _of("pg_settings_superuser_reserved_connections", _FIRST): ((3, 30),),
            _of("pg_settings_reserved_connections", _FIRST): ((0, 30),),
            _of("pg_stat_activity_connections", _FIRST): ((20, 5), (90, 10), (50, 10)),
        },
        fires=10,
        quiet=(4, 9, 15),
        labels=_FIRST,
        value="90%",
    ),
    Case(
        "KeddahLongTransaction",
        # One that works may take hours, as a dump does; one that idles may not.
        {
            _of("pg_stat_activity_max_tx_duration", _FIRST, datname="app", state="active"): ((7200, 40),),
            _of("pg_stat_activity_max_tx_duration", _FIRST, datname="app", state="idle in transaction"): (
                (60, 5),
                (2400, 15),
                (0, 10),
            ),
        },
        fires=10,
        quiet=(4, 9, 20),
        labels=_FIRST,
        value="40m 0s",
    ),
    Case(
        "KeddahLongTransaction",
        {_of("pg_prepared_xacts_max_age_seconds", _FIRST): ((60, 5), (7200, 15), (0, 10))},
        fires=10,
        quiet=(4, 9, 20),
        labels=_FIRST,
        value="2h 0m 0s",
    ),
    *(
        Case(
            "KeddahWraparoundNear",
            {
                _of(f"pg_database_wraparound_age_{of}_seconds", _FIRST, datname="app"): (
                    (2e8, 5),
                    (1.5e9, 70),
                    (1e8, 9),
                )
            },
            fires=65,
            quiet=(4, 64, 75),
            labels=_ORDERS,
            value="1.5G",
        )
        for of in ("datfrozenxid", "datminmxid")
    ),
)

STORAGE: Final = (
    Case(
        "KeddahVolumeFull",
        {
            _of("keddah_instance_volume_bytes", _FIRST): ((10 * _GIB, 30),),
            _of("keddah_instance_volume_available_bytes", _FIRST): ((_GIB, 5), (_GIB / 2, 10), (_GIB, 10)),
        },
        fires=7,
        quiet=(4, 6, 15),
        labels=_FIRST,
        value="5%",
    ),
    Case(
        "KeddahVolumeFull",
        # Five of a hundred of 10 TiB are many.
        {
            _of("keddah_instance_volume_bytes", _FIRST): ((10240 * _GIB, 30),),
            _of("keddah_instance_volume_available_bytes", _FIRST): ((512 * _GIB, 20), (40 * _GIB, 10)),
        },
        fires=22,
        quiet=(19, 21),
        labels=_FIRST,
        value="0.3906%",
    ),
    Case(
        "KeddahVolumeFilling",
        # An hour takes a percent of it: the last quarter is gone in a day.
        {
            _of("keddah_instance_volume_bytes", _FIRST): ((100 * _GIB, 99),),
            _of("keddah_instance_volume_available_bytes", _FIRST): (
                *_falling(40 * _GIB, _GIB, 20),
                (20 * _GIB, 20),
            ),
        },
        fires=18,
        quiet=(15, 16, 30),
        labels=_FIRST,
        value="22%",
        step=timedelta(hours=1),
    ),
)
CASES: Final = (*INSTANCES, *REPLICATION, *LOAD, *STORAGE)
