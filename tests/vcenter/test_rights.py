"""What a login may do and see: asked of three simulators, and of answers that lack something."""

import re

import pytest
from vcenter.asking import CONTENT, Canned, logged_in, model, prop, property_reply, returned, to
from vcenter.tlslab import fault
from vcsimulator import Vcsim

from exporter.errors import BadReply, Fault
from exporter.model import Kind
from exporter.vcenter import rights
from exporter.vcenter.rights import EXCESSIVE, NEEDED, Visible
from simulator.faults import Faults
from simulator.vcenter import serve

TIMES = "<loginTime>2026-01-02T03:04:05Z</loginTime><lastActiveTime>2026-01-02T03:04:05Z</lastActiveTime>"


def user(name: str, key: str = "52-1") -> str:
    """The inside of a UserSession."""
    locale = "<locale>en</locale><messageLocale>en</messageLocale>"
    return f"<key>{key}</key><userName>{name}</userName><fullName>n</fullName>{TIMES}{locale}"


CURRENT = prop("currentSession", "UserSession", user("VSPHERE.LOCAL\\monitor"))


async def test_privileges_are_those_that_the_session_has() -> None:
    """Each privilege asked for, in order, with whether it is granted on the root folder."""
    async with serve(model()) as server, logged_in(to(server)) as session:
        server.model.denied = frozenset(EXCESSIVE) - {"Datastore.FileManagement"}
        assert await rights.granted(session, NEEDED) == {
            "System.Anonymous": True,
            "System.View": True,
            "System.Read": True,
        }
        found = await rights.granted(session, EXCESSIVE)
    assert list(found.items()) == [(name, name == "Datastore.FileManagement") for name in EXCESSIVE]


@pytest.mark.external
@pytest.mark.parametrize("flavour", ["classic", "current"])
async def test_govmomi_grants_its_user_everything(flavour: str, request: pytest.FixtureRequest) -> None:
    """An answer of a vCenter that we did not write."""
    async with logged_in(to(request.getfixturevalue(f"vcsim_{flavour}"))) as session:
        assert await rights.granted(session, (*NEEDED, *EXCESSIVE)) == dict.fromkeys((*NEEDED, *EXCESSIVE), True)
        count, own = await rights.sessions(session)
        assert count == own >= 1  # there is only one user


async def test_the_question_is_about_this_session_and_the_root_folder() -> None:
    """HasPrivilegeOnEntities gets the key of the current session, not a user's name."""
    answer = (
        '<returnval><entity type="Folder">group-d1</entity><privAvailability><privId>System.Read</privId>'
        "<isGranted>false</isGranted></privAvailability></returnval>"
    )
    replies = {"currentSession": CURRENT, "HasPrivilegeOnEntities": returned("HasPrivilegeOnEntities", answer)}
    session = Canned(replies)
    assert await rights.granted(session, ["System.Read"]) == {"System.Read": False}
    assert re.search('<entity[^>]* type="Folder">group-d1<.*<sessionId[^>]*>52-1<', session.asked[-1])
    with pytest.raises(BadReply, match=r"does not say whether System\.View, No\.Such is granted"):
        await rights.granted(session, ["System.Read", "System.View", "No.Such"])


async def test_a_server_that_cannot_answer_says_so() -> None:
    """No such method, no current session, no authorisation manager: an error, and never a privilege."""
    unknown = Canned({"currentSession": CURRENT, "HasPrivilegeOnEntities": fault("MethodNotFound", "no such method")})
    with pytest.raises(Fault, match="MethodNotFound"):
        await rights.granted(unknown, NEEDED)
    with pytest.raises(BadReply, match="currentSession is unset"):
        await rights.granted(Canned({"currentSession": property_reply("")}), NEEDED)
    bare = CONTENT.replace(b'<authorizationManager type="AuthorizationManager">am</authorizationManager>', b"")
    with pytest.raises(Fault, match="NotSupported: the server has no authorizationManager"):
        await rights.granted(Canned({"currentSession": CURRENT}, content=bare), NEEDED)


async def test_sessions_of_the_same_user_are_counted_apart() -> None:
    """By the name that vCenter gives the user, which is not the one that was written to log in."""
    names = ["VSPHERE.LOCAL\\monitor", "VSPHERE.LOCAL\\Administrator", "VSPHERE.LOCAL\\monitor"]
    listed = "".join(f"<UserSession>{user(name, str(key))}</UserSession>" for key, name in enumerate(names))
    replies = {"currentSession": CURRENT, "sessionList": prop("sessionList", "ArrayOfUserSession", listed)}
    assert await rights.sessions(Canned(replies)) == (3, 2)


async def test_who_may_not_list_sessions_gets_the_fault() -> None:
    """vCenter withholds sessionList from a user without Sessions.TerminateSession."""
    denied = (
        '<missingSet><path>sessionList</path><fault><fault xsi:type="NoPermission"><object type="SessionManager">sm'
        "</object><privilegeId>Sessions.TerminateSession</privilegeId></fault>"
        "<localizedMessage>Permission to perform this operation was denied.</localizedMessage></fault></missingSet>"
    )
    with pytest.raises(Fault, match="NoPermission: Permission to perform this operation was denied"):
        await rights.sessions(Canned({"currentSession": CURRENT, "sessionList": property_reply(denied)}))


async def test_everything_visible_is_counted_by_kind_and_the_view_is_given_back() -> None:
    """As many of each kind as the vCenter has, one of its hosts, and no view left in the session."""
    faults = Faults()
    async with serve(model(), faults) as server, logged_in(to(server)) as session:
        found = await rights.visible(session)
        hosts = {node.moid for node in server.model.of_kind("HostSystem")}
    assert found.counts == {
        Kind.HOST: 4,
        Kind.VM: 10,
        Kind.CLUSTER: 1,
        Kind.DATASTORE: 4,
        Kind.RESOURCE_POOL: 3,
        Kind.VAPP: 1,
        Kind.DATACENTER: 1,
    }
    assert found.host in hosts
    assert (faults.calls["CreateContainerView"], faults.calls["DestroyView"]) == (1, 1)


@pytest.mark.external
async def test_the_inventory_of_govmomi_is_counted(vcsim_classic: Vcsim) -> None:
    """One datacenter of two clusters with three hosts and two pools each."""
    async with logged_in(to(vcsim_classic)) as session:
        found = await rights.visible(session)
    assert found.counts == {
        Kind.HOST: 6,
        Kind.VM: 10,
        Kind.CLUSTER: 2,
        Kind.DATASTORE: 1,
        Kind.RESOURCE_POOL: 4,
        Kind.DATACENTER: 1,
    }


async def test_who_sees_nothing_sees_no_kinds() -> None:
    """An empty view is an empty count."""
    replies = {
        "CreateContainerView": returned("CreateContainerView", '<returnval type="ContainerView">view</returnval>'),
        "view": prop("view", "ArrayOfManagedObjectReference", ""),
        "DestroyView": returned("DestroyView", ""),
    }
    assert await rights.visible(Canned(replies)) == Visible(counts={}, host=None)
