"""`python -m webhooks`: the one place that reads the environment, the clock and signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from datetime import UTC, datetime

import uvloop

from schemas.policy.file import PolicyFile
from schemas.policy.policy import PolicyError
from schemas.processes import SettingsError
from webhooks import log, settings
from webhooks.process import Process

_log = logging.getLogger("webhooks")


async def _run(chosen: settings.Settings, policy: PolicyFile) -> int:
    process = Process(chosen, policy, now=lambda: datetime.now(UTC))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    return await process.run()


def main() -> int:
    """Run the admission server; returns 2 when its configuration is invalid."""
    log.configure()
    try:
        chosen = settings.read(os.environ)
        log.configure(chosen.log)
        policy = PolicyFile(chosen.policy_file, log=_log.warning)
    except (SettingsError, PolicyError) as error:
        for mistake in str(error).splitlines():
            _log.error(log.line("Refused to start", why=mistake))
        return 2
    except (OSError, UnicodeDecodeError) as error:
        _log.error(log.line("Could not read the policy", why=error))
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(chosen, policy))
    except OSError as error:
        _log.error(log.line("Could not listen", why=error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
