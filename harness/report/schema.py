"""The JSON Schema of results.json, version 1: what every field means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.document import VERSION
from harness.scenario.schema import DRAFT
from harness.verdict.measures import MEASURES
from harness.verdict.model import INTERVALS

Schema = dict[str, Any]

_QUANTILES = {
    "p50": "The median.",
    "p95": "The 95th percentile.",
    "p99": "The 99th percentile.",
    "max": "The greatest.",
}


def results_schema() -> Schema:
    """The schema. All fields of this version are required; a reader should ignore unknown ones."""
    made = _object(
        "What `harness run` measured: the approaches of one scenario, side by side. Times are in "
        "seconds, rates are fractions, quantiles are values that were seen (nearest rank), "
        "intervals are of 95 %. A reader should ignore fields that it does not know.",
        {
            "version": {"const": VERSION, "description": "Of this format."},
            "scenario": _text("The scenario's name."),
            "description": _text("What happens in the scenario, and what to look for."),
            "runtime": _text("Where the trials happened: process (for real) or sim."),
            "seed": _integer("Of the first trial; trial n of an approach has seed + n - 1."),
            "workers": _count("Instances of the service; null without a trial.", null=True),
            "duration": _number("How long new runs started; null without a trial.", null=True),
            "grace": _number(
                "A run that started later than this after its due time was late; null without a "
                "trial.",
                null=True,
            ),
            "jobs": _list("What was to run, and when; null without a trial.", _job(), null=True),
            "setting": _setting(),
            "expect": _list("What the scenario expects.", _expectation()),
            "about": {
                "type": "object",
                "description": "How it was run: command, machine, versions.",
                "additionalProperties": {"type": "string"},
            },
            "notes": _list("What limits how far the figures may be believed.", _text("A note.")),
            "repeat": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "How many trials were asked of each approach; null where nobody "
                "asked.",
            },
            "interrupted": {
                "type": "boolean",
                "description": "Whether the run was cut short, so that there may be fewer.",
            },
            "results": _list("A result for each approach, in the scenario's order.", _result()),
        },
    )
    return {
        "$schema": DRAFT,
        "title": "results.json",
        **made,
        "$defs": {"quantiles": _quantiles(), "latency": _latency()},
    }


def _job() -> Schema:
    takes = {
        "type": ["number", "object", "null"],
        "description": "How long a run takes: a number, or the parameters of a distribution.",
    }
    return _object(
        "A job.",
        {
            "name": _text("Its name."),
            "every": _number("Its period.", null=True),
            "first": _number("Its first due time.", null=True),
            "takes": takes,
        },
        {"until": _number("It is due no more from then on.")},
    )


def _setting() -> Schema:
    return {
        "type": "object",
        "description": "All that happens in the scenario, by the scenario's keys, with defaults. "
        "Two results are of the same thing only where this is the same.",
        "properties": {
            "workers": _count("Instances of the service."),
            "duration": _number("How long new runs start."),
            "grace": _number("A run that starts later than this is late."),
            "misfire_grace": _number("An instance drops a due time that it notices later."),
            "max_instances": _count("So many runs of a job an instance may have in progress."),
            "request_timeout": _number("How long a worker waits for its coordinator's answer."),
            "clocks": {
                "type": "object",
                "description": "How far the workers' clocks are apart.",
                "properties": {"spread": _number("Offsets lie within half of it, either way.")},
            },
            "sink": _text("What the sink does about effects that should not be."),
            **_used(),
            "coordinators": {
                "type": "object",
                "description": "What those coordinators are made of that are more than a server.",
                "additionalProperties": {"type": "object", "description": "What one is made of."},
            },
            "jobs": _list("What is to run, and when.", _job()),
            "faults": _list(
                "What breaks, and when.",
                {
                    "type": "object",
                    "description": "A fault and its parameters.",
                    "required": ["type"],
                    "properties": {
                        "type": _text("Which fault it is."),
                        "target": _text("Whom it hits."),
                        "at": _number("When it is due.", null=True),
                        "every": _number("How often it is repeated.", null=True),
                        "jitter": _number("Each time is moved by up to so much."),
                    },
                },
            ),
        },
    }


def _used() -> dict[str, Schema]:
    """What is there only where it is used."""
    return {
        "retry": {"type": "object", "description": "What a worker does about a run that failed."},
        "circuit_breaker": {
            "type": "object",
            "description": "When a worker stops asking a coordinator that does not answer.",
        },
    }


def _others() -> Schema:
    return _object(
        "What the second half of the workers runs.",
        {
            "algorithm": _text("The approach."),
            "parameters": {"type": "object", "description": "Its parameters, defaults included."},
        },
    )


def _expectation() -> Schema:
    return _object(
        "Inclusive bounds for a measure.",
        {
            "approach": _text("Whose, by name; or `all`."),
            "measure": {"enum": list(MEASURES), "description": "What is bounded."},
            "min": _number("The least that is allowed; null for no bound.", null=True),
            "max": _number("The most that is allowed; null for no bound.", null=True),
        },
    )


def _result() -> Schema:
    return _object(
        "One approach over all its valid trials.",
        {
            "approach": _text("The name that the scenario gives it."),
            "algorithm": _text("The approach behind that name."),
            "parameters": {
                "type": "object",
                "description": "The approach's parameters, defaults included.",
            },
            "sink": {
                "type": ["string", "null"],
                "description": "What its effects land in; null where nothing is known of it.",
            },
            "exclusive": {
                "type": "boolean",
                "description": "Whether it promises that no two runs of a job meet.",
            },
            "trials": _count("How often it was tried."),
            "invalid_trials": _count("Of these, how many do not count."),
            "invalid": _list("Why they do not count.", _text("A reason.")),
            **_outcomes(),
            **_exclusion(),
            "failover": _time(
                "latency",
                "From a fault that hit the worker in charge of a job to the job's next start by "
                "an able worker.",
            ),
            "takeover": _time(
                "latency", "From such a fault to the lease's grant to another worker."
            ),
            "outage": _time(
                "latency",
                "The longest stretch around such a fault without a start of the job, less its "
                "period.",
            ),
            "lateness": _time("quantiles", "From a due time to its first start."),
            "lease_wait": _time("quantiles", "From asking for a lease to its grant."),
            "calls_per_run": _number("Requests to the coordinator a run.", null=True),
            "intervals": _object(
                "How sure these are: the 95 % interval of each.",
                {name: _interval(name) for name in INTERVALS},
            ),
            "mechanisms": _list("How the faults were made.", _text("A mechanism.")),
            "skipped": _text("Why it did not run; null if it did.", null=True),
            "checksum": _text(
                "Of all its histories, CRC-32: equal where they are the same. Null where they "
                "are not the same each time.",
                null=True,
            ),
        },
        {**_used(), "others": _others()},
    )


def _outcomes() -> Schema:
    return {
        "expected": _count("Due times at which a job had to run, over all valid trials."),
        "once": _count("Of these, those with exactly one effect."),
        "duplicate": _count("Those with two or more effects."),
        "overrun": _count("Those not started because the job's run before was in progress."),
        "late": _count("Those that started later than the grace allows."),
        "suppressed": _count("Effects that the sink refused."),
        "missed": _object(
            "Those without an effect.",
            {
                "total": _count("All of them."),
                "never_started": _count("Nobody started a run."),
                "lost": _count("A run was started, and died with its worker."),
                "failed": _count("A run was started, and failed."),
            },
        ),
        "extra_runs": _object(
            "Starts beyond the first of a due time.",
            {
                "overlapping": _count("While another one was in progress."),
                "repeated": _count("After one had completed."),
                "retried": _count("After all before were lost or failed: no violation."),
            },
        ),
    }


def _exclusion() -> Schema:
    return {
        "overlap": _object(
            "Two runs of one job in progress at the same time.",
            {
                "count": _count("How often."),
                "seconds": _number("How long in all."),
                "max_concurrency": _count("The most runs of one job at once."),
            },
        ),
        "double_hold": _object(
            "One lease in the hands of two workers at the same time.",
            {"count": _count("How often."), "seconds": _number("How long in all.")},
        ),
    }


def _latency() -> Schema:
    return _object(
        "Times after faults, some of which the trial's end cut off. A quantile that falls among "
        "those is null, as is one of nothing.",
        {
            "samples": _count("How many there are."),
            "unrecovered": _count("How many the trial's end cut off."),
            **{name: _number(said, null=True) for name, said in _QUANTILES.items()},
        },
    )


def _quantiles() -> Schema:
    return _object(
        "Quantiles; null where there was nothing to measure.",
        {name: _number(said, null=True) for name, said in _QUANTILES.items()},
    )


def _interval(name: str) -> Schema:
    bound = {"type": ["number", "null"]}
    return {
        "type": "array",
        "description": f"Of `{name}`, lower and upper; null where there is no bound.",
        "prefixItems": [bound, bound],
        "items": False,
        "minItems": 2,
    }


def _object(
    said: str, fields: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    return {
        "type": "object",
        "description": said,
        "required": list(fields),
        "properties": {**fields, **(optional or {})},
    }


def _list(said: str, items: Schema, null: bool = False) -> Schema:
    return {"type": _type("array", null), "description": said, "items": items}


def _time(kind: str, said: str) -> Schema:
    return {"$ref": f"#/$defs/{kind}", "description": said}


def _text(said: str, null: bool = False) -> Schema:
    return {"type": _type("string", null), "description": said}


def _integer(said: str) -> Schema:
    return {"type": "integer", "description": said}


def _count(said: str, null: bool = False) -> Schema:
    return {"type": _type("integer", null), "minimum": 0, "description": said}


def _number(said: str, null: bool = False) -> Schema:
    return {"type": _type("number", null), "description": said}


def _type(name: str, null: bool) -> str | list[str]:
    return [name, "null"] if null else name
