"""Both sides of a hung operation: one cause for every combination of what Nova and the vCenter say."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.openstack.tasks import BACKOFF, SKEW, Health, cause
from exporter.openstack.timeouts import Cause, Operation
from exporter.vcenter.tasks import Initiator, Task

UP = Health(up=True)
NOW = 1000.0


def operation(*, picked_up: bool | None = True) -> Operation:
    """A power-off that began at 500."""
    return Operation(server="s1", key="req-1", name="power_off", start=500.0, limit=100.0, picked_up=picked_up)


def task(state: str, *, completed: float | None = None, initiator: Initiator = Initiator.NOVA) -> Task:
    """A task on its VM."""
    return Task(
        key=f"{state}-{completed}-{initiator}",
        operation="VirtualMachine.powerOff",
        state=state,
        queued=501.0,
        completed=completed,
        initiator=initiator,
    )


def why(*tasks: Task, picked_up: bool | None = True, health: Health | None = UP) -> str:
    """The cause, with what is known of the VM's tasks."""
    return cause(operation(picked_up=picked_up), tasks, health=health, now=NOW).value


def test_no_compute_has_begun() -> None:
    """Then it does not matter what the vCenter does; where Nova tells nothing of events, it does."""
    assert why(task("running"), picked_up=False, health=None) == "not_picked_up"
    assert why(task("running"), picked_up=None) == "vcenter_running"


def test_the_vcenter_works_on_it() -> None:
    """Nova's own task counts, and another's only where there is none; running says more than queued."""
    other = task("running", initiator=Initiator.USER)
    assert why(task("running"), task("queued", initiator=Initiator.USER)) == "vcenter_running"
    assert why(task("queued"), other) == "vcenter_queued"
    assert why(other, task("success", completed=900.0)) == "vcenter_running"
    assert why(task("queued"), task("running")) == "vcenter_running"


def test_the_vcenter_is_done() -> None:
    """Only what ended in the operation's time counts, and of that the last: an error is tried again."""
    assert why(task("success", completed=500.0 - SKEW)) == "vcenter_done"
    assert why(task("success", completed=499.9 - SKEW)) == "no_vcenter_task"
    assert why(task("success", completed=600.0), task("error", completed=700.0)) == "retry_backoff"
    assert why(task("error", completed=600.0), task("success", completed=700.0)) == "vcenter_done"


def test_the_vcenter_fails() -> None:
    """One that does not answer, or did not lately, makes the driver retry; a task seen under way is the better word."""
    down, lately, long_ago = (
        Health(up=False, last_failure=NOW),
        Health(up=True, last_failure=NOW - BACKOFF),
        Health(up=True, last_failure=NOW - BACKOFF - 1),
    )
    assert why(task("running"), health=down) == "retry_backoff"
    assert why(task("success", completed=900.0), health=lately) == "retry_backoff"
    assert why(task("running"), health=lately) == "vcenter_running"
    assert why(health=long_ago) == "no_vcenter_task"


def test_what_is_not_known() -> None:
    """A vCenter that is not configured, and a VM that was not found, say nothing."""
    assert why(task("running"), health=None) == "unknown"
    assert cause(operation(), None, health=UP, now=NOW) is Cause.UNKNOWN
    assert cause(operation(), None, health=Health(up=True, last_failure=NOW), now=NOW) is Cause.RETRY_BACKOFF


@given(
    st.lists(
        st.builds(
            task,
            st.sampled_from(["queued", "running", "success", "error"]),
            completed=st.none() | st.floats(0, 2000),
            initiator=st.sampled_from(Initiator),
        )
    ),
    st.randoms(),
)
def test_the_order_of_tasks_does_not_matter(tasks: list[Task], rng: object) -> None:
    """The vCenter lists them in any order."""
    shuffled = sorted(tasks, key=lambda _: rng.random())  # type: ignore[attr-defined]
    times = {found.completed for found in tasks}
    if len(times) == len(tasks):
        assert why(*tasks) == why(*shuffled)
