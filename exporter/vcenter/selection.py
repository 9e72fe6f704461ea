"""Which entities are collected: include and exclude globs on inventory paths, per kind. Pure."""

import re
from collections.abc import Mapping
from fnmatch import translate

from exporter.config import Globs
from exporter.model import Kind


class Selection:
    """Compiled globs. A kind without globs is selected whole; exclude wins over include.

    A glob is matched against the whole inventory path (``/DC0/vm/team/web-1``), with case; ``*`` also crosses slashes.
    """

    def __init__(self, objects: Mapping[Kind, Globs]) -> None:
        self._globs = {kind: (_compiled(globs.include), _compiled(globs.exclude)) for kind, globs in objects.items()}

    def selects(self, kind: Kind, path: str) -> bool:
        """Whether the entity of that kind at that inventory path is collected."""
        if kind not in self._globs:
            return True
        include, exclude = self._globs[kind]
        return include.match(path) is not None and exclude.match(path) is None


def _compiled(globs: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for all the globs; without globs, one that never matches."""
    return re.compile("|".join(map(translate, globs)) or r"(?!)")
