"""The metrics of several processes as those of one. A process that ended takes nothing of what it counted with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from meridian.parent.gauges import RULES, Rule

ADDED: Final = ("counter", "histogram")
WORST: Final = {Rule.MAX: max, Rule.MIN: min}
Labels = tuple[tuple[str, str], ...]


class Series(NamedTuple):
    """One line of the metrics."""

    name: str
    labels: Labels


class Shown(NamedTuple):
    """What a process shows."""

    start: int
    """Of how many of its starts this is; nothing it counts is older."""
    text: str


class MergedMetrics:
    """Remembers what each process showed last, so that sums never go down. Used by one thread at a time."""

    def __init__(self) -> None:
        self._ended: dict[Series, float] = {}
        """What ended processes had counted when they were last asked. As many series as one process has."""
        self._last: dict[str, tuple[int, dict[Series, float]]] = {}

    def of(self, shown: Mapping[str, Shown]) -> list[Metric]:
        """The metrics of the processes that answer, by their names, with what the others counted. Raises: ValueError for what is no text
        of metrics, KeyError for a gauge without a rule."""
        families = {name: list(text_string_to_metric_families(each.text)) for name, each in shown.items()}
        for name, each in shown.items():
            self._note(name, each.start, families[name])
        return [self._merged(metrics) for metrics in _by_name(families.values()).values()]

    def _note(self, name: str, start: int, families: Sequence[Metric]) -> None:
        before, counted = self._last.get(name, (start, {}))
        if before != start:
            for series, value in counted.items():
                self._ended[series] = self._ended.get(series, 0.0) + value
        self._last[name] = (start, dict(_counted(families)))

    def _merged(self, metrics: Sequence[Metric]) -> Metric:
        first = metrics[0]
        merged = Metric(first.name, first.documentation, first.type)
        if _grows(first):
            names = {sample.name for metric in metrics for sample in metric.samples}
            values = self._sums(names)
        else:
            values = _gauges(RULES[first.name], metrics)
        for series, value in values.items():
            merged.add_sample(series.name, dict(series.labels), value)
        return merged

    def _sums(self, names: set[str]) -> dict[Series, float]:
        sums: dict[Series, float] = {}
        for counted in (*(last for _, last in self._last.values()), self._ended):
            for series, value in counted.items():
                if series.name in names:
                    sums[series] = sums.get(series, 0.0) + value
        return sums


def _grows(metric: Metric) -> bool:
    return metric.type in ADDED


def _counted(families: Sequence[Metric]) -> Iterator[tuple[Series, float]]:
    for metric in families:
        if _grows(metric):
            yield from ((Series(sample.name, _labels(sample.labels)), sample.value) for sample in metric.samples)


def _gauges(rule: Rule, metrics: Sequence[Metric]) -> dict[Series, float]:
    found: dict[Series, list[float]] = {}
    for metric in metrics:
        for sample in metric.samples:
            found.setdefault(Series(sample.name, _labels(sample.labels)), []).append(sample.value)
    merge = WORST.get(rule, sum)
    return {series: float(merge(values)) for series, values in found.items()}


def _labels(labels: Mapping[str, str]) -> Labels:
    return tuple(labels.items())


def _by_name(families: Iterable[list[Metric]]) -> dict[str, list[Metric]]:
    found: dict[str, list[Metric]] = {}
    for metrics in families:
        for metric in metrics:
            found.setdefault(metric.name, []).append(metric)
    return found
