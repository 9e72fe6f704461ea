"""Include and exclude globs on inventory paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Globs
from exporter.model import Kind
from exporter.vcenter.selection import Selection


@pytest.mark.parametrize(
    ("include", "exclude", "path", "selected"),
    [
        (("*",), (), "/DC0/vm/web", True),
        (("/DC0/vm/*",), (), "/DC0/vm/team/web", True),
        (("/DC0/vm/*",), (), "/DC1/vm/web", False),
        (("/dc0/*",), (), "/DC0/vm/web", False),
        (("web*",), (), "/DC0/vm/web", False),
        (("/DC0/*", "/DC1/*"), (), "/DC1/vm/web", True),
        (("*",), ("*/tmp-?",), "/DC0/vm/tmp-1", False),
        (("*",), ("*/tmp-?",), "/DC0/vm/tmp-10", True),
        (("*",), ("*/[ab]1", "*/c1"), "/DC0/vm/c1", False),
        (("*/web",), ("*/web",), "/DC0/vm/web", False),
        (("*/a%2fb",), (), "/DC0/vm/a%2fb", True),
        (("*\n*",), (), "/DC0/vm/a\nb", True),
        ((), (), "/DC0/vm/web", False),
    ],
)
def test_globs(include: tuple[str, ...], exclude: tuple[str, ...], path: str, selected: bool) -> None:
    """The whole path, with case; a star crosses slashes; any include selects, any exclude wins."""
    assert Selection({Kind.VM: Globs(include, exclude)}).selects(Kind.VM, path) is selected


@given(st.sampled_from(Kind), st.text())
def test_a_kind_without_globs_is_selected_whole(kind: Kind, path: str) -> None:
    """And so is everything under the default globs."""
    assert Selection({}).selects(kind, path)
    assert Selection({kind: Globs()}).selects(kind, path)
