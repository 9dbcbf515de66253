"""Long-running tasks of one process: restarted when they fail, given up on when they keep failing."""

import asyncio
from collections.abc import Sequence

import structlog

from lamina.kernel.clock import Clock
from lamina.kernel.contracts import Task
from lamina.kernel.errors import LaminaError
from lamina.kernel.supervision.budget import RestartBudget

_log = structlog.get_logger("lamina.supervision")


class TaskGaveUp(LaminaError):
    """A task failed more often than its restart budget allows."""

    code = "task_gave_up"


async def run_tasks(tasks: Sequence[Task], clock: Clock) -> None:
    """Run every task until cancelled, also when there is none.

    Raises:
        ExceptionGroup: holding TaskGaveUp; the other tasks were cancelled.
    """
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(_keep_running(task, RestartBudget(clock)), name=task.name)
        await asyncio.Event().wait()


async def _keep_running(task: Task, budget: RestartBudget) -> None:
    while True:
        try:
            await task.run()
        except Exception:  # noqa: BLE001 - supervision is where a failure becomes a restart
            _log.exception("task failed", task=task.name)
        else:
            _log.warning("task ended by itself", task=task.name)
        delay_s = budget.spend()
        if delay_s is None:
            raise TaskGaveUp(f"The task {task.name} keeps failing.")
        await asyncio.sleep(delay_s)
