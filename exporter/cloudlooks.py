"""The sides that every cloud has: the one list of them."""

from exporter.cloudsides import Maker
from exporter.coverage.side import CoverageSide
from exporter.drift.side import MappingSide

MAKERS: tuple[Maker, ...] = (MappingSide, CoverageSide)
"""What makes each side for one region of a cloud. Another one is one more line here."""
