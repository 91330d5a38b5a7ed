"""Operations of ZooKeeper that calibration does not measure, and what each takes as long as."""

from collections.abc import Mapping

ALIKE: Mapping[str, str] = {"watch_children": "children"}
