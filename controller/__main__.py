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
from controller.kube.connection import UnusableConfiguration, configuration
from controller.life import Life
from controller.outside import Outside
from schemas.policy import PolicyError
from schemas.policyfile import PolicyFile

logger = logging.getLogger("controller")


async def _live(chosen: settings.Settings, policy: PolicyFile) -> int:
    loop = asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, life.stop)

    life = Life(
        chosen,
        policy,
        await configuration(chosen.kubeconfig, chosen.context),
        Outside(
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
            random=random.SystemRandom().random,
            entropy=secrets.token_bytes,
        ),
        restore_signals=take_signals,
    )
    take_signals()
    return await life.run()


def _log_to_stderr(level: int) -> None:
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def main() -> int:
    """Run the controller; returns 2 when it was not told rightly how to."""
    _log_to_stderr(logging.INFO)
    try:
        chosen = settings.read(os.environ, hostname=socket.gethostname())
        _log_to_stderr(chosen.log_level)
        policy = PolicyFile(chosen.policy_file, log=logger.warning)
    except (settings.SettingsError, PolicyError, OSError, UnicodeDecodeError) as error:
        for mistake in str(error).splitlines():
            logger.error("Refused to start why=%r", mistake)  # noqa: TRY400 - a mistake, not a bug
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_live(chosen, policy))
            # What is left are watches and connections: waiting for them would only let them act longer.
            logging.shutdown()
            os._exit(code)
    except (UnusableConfiguration, OSError) as error:
        logger.error("Refused to start why=%r", str(error))  # noqa: TRY400 - a mistake, not a bug
        return 2


if __name__ == "__main__":
    sys.exit(main())
