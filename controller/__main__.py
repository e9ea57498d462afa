"""`python -m controller`: the one place that reads the environment, the clock, randomness and signals."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import signal
import socket
import sys
import time
from datetime import UTC, datetime

import uvloop

from controller import settings
from controller.dependencies import Dependencies
from controller.kube.connection import UnusableConfiguration, configuration
from controller.process import Process
from schemas.policy.file import PolicyFile
from schemas.policy.policy import PolicyError
from schemas.processes import SettingsError, log_to_stderr

logger = logging.getLogger("controller")


async def _run(chosen: settings.Settings, policy: PolicyFile) -> int:
    loop = asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, process.stop)

    process = Process(
        chosen,
        policy,
        await configuration(chosen.kubeconfig, chosen.context),
        Dependencies(
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
            random=random.SystemRandom().random,
            entropy=secrets.token_bytes,
        ),
        restore_signals=take_signals,
    )
    take_signals()
    return await process.run()


def main() -> int:
    """Run the controller; returns 2 when its configuration is invalid."""
    log_to_stderr()
    try:
        chosen = settings.read(os.environ, hostname=socket.gethostname())
        log_to_stderr(chosen.log)
        policy = PolicyFile(chosen.policy_file, log=logger.warning)
    except (SettingsError, PolicyError, OSError, UnicodeDecodeError) as error:
        for mistake in str(error).splitlines():
            logger.error("Refused to start why=%r", mistake)  # noqa: TRY400 - a mistake, not a bug
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_run(chosen, policy))
            # Only watches and connections are left; closing them in order would delay the exit for nothing.
            logging.shutdown()
            os._exit(code)
    except (UnusableConfiguration, OSError) as error:
        logger.error("Refused to start why=%r", str(error))  # noqa: TRY400 - a mistake, not a bug
        return 2


if __name__ == "__main__":
    sys.exit(main())
