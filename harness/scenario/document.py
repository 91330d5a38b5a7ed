"""YAML that remembers its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from harness.scenario.problem import Problem, ScenarioError, Where

_MERGE = "tag:yaml.org,2002:merge"
_MAPPING = "tag:yaml.org,2002:map"
_SEQUENCE = "tag:yaml.org,2002:seq"


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data (mappings, lists, texts, numbers, booleans, None) and where it stands.

    `repeated` are the keys that stand twice in a mapping, with the line of the second.
    """

    data: Any
    lines: Mapping[Where, int]
    repeated: tuple[tuple[Where, int], ...]

    def line(self, where: Where) -> int | None:
        """The line of a place, or of the nearest thing around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where)


def read_document(text: str, source: str) -> Document:
    """Read one YAML document. Raises ScenarioError, with one problem, where it is none."""

    def error(message: str, line: int | None = None) -> ScenarioError:
        return ScenarioError([Problem(source, line, "", message)])

    try:
        return _compose(text)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        reason = ", ".join(part for part in (fault.context, fault.problem) if part)
        raise error(f"not YAML: {reason}", mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        raise error(f"not YAML: {fault.reason}", line) from None
    except yaml.YAMLError as fault:
        raise error(f"not YAML: {fault}") from None
    except RecursionError:
        raise error("not YAML that can be read: nested too deeply") from None


def _compose(text: str) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        walk = _Walk(loader)
        node = loader.get_single_node()
        data = None if node is None else walk.value(node, ())
        return Document(data, walk.lines, tuple(walk.repeated))
    finally:
        loader.dispose()


class _Walk:
    """One pass over the nodes of a document, collecting data and lines."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.loader = loader
        self.lines: dict[Where, int] = {}
        self.repeated: list[tuple[Where, int]] = []
        self._open: list[yaml.Node] = []

    def value(self, node: yaml.Node, where: Where) -> Any:
        """The data of a node that stands at `where`."""
        self.lines.setdefault(where, _line(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node in self._open:
            raise yaml.MarkedYAMLError(
                problem="this refers to itself", problem_mark=node.start_mark
            )
        if node.tag not in (_MAPPING, _SEQUENCE):
            raise yaml.MarkedYAMLError(
                problem=f"the tag {node.tag} has no meaning here", problem_mark=node.start_mark
            )
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._entries(node, where))
            return [self.value(item, (*where, n)) for n, item in enumerate(node.value)]
        finally:
            self._open.pop()

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        try:
            value = self.loader.construct_object(node)
        except (ValueError, KeyError, TypeError, AttributeError):
            # PyYAML's own: 2020-13-45 looks like a date to it, and 0x_ like a number.
            return _text(node)
        if value is None or isinstance(value, int | float):
            return value
        # Dates, too, become what was written: nothing here takes one.
        return _text(node)

    def _entries(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[str, Any]]:
        seen = set()
        for key, _ in node.value:
            name = _key(key)
            if name in seen:
                self.repeated.append(((*where, name), _line(key)))
            seen.add(name)
        # Moves what `<<` brings in to the front, for the mapping's own keys to override.
        self.loader.flatten_mapping(node)
        for key, value in node.value:
            name = _key(key)
            self.lines[(*where, name)] = _line(key)
            yield name, self.value(value, (*where, name))


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=node.start_mark)
    return _text(node)


def _text(node: yaml.ScalarNode) -> str:
    # YAML can spell half a character, "\\ud800", which no file or terminal takes.
    return str(node.value).encode(errors="replace").decode()


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
