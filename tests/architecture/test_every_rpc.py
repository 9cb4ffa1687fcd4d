"""Nothing is forgotten: each operation has its row in every table that owns one."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from meridian import errors
from meridian.authorization.decision.facts import _READERS, _REQUEST_READERS
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.contract.batches import item_rpcs, items_most
from meridian.contract.catalog import (
    ACCESS,
    CALLER,
    STS,
    XKS,
    batch_rpcs,
    is_audited,
    is_secret,
    message_of,
    rpcs,
    served_rpcs,
    walked_rpcs,
)
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.fields import descriptor_of
from meridian.contract.operation import Operation
from meridian.contract.rates import RATES, class_said
from meridian.domain.applicability import CRYPTOGRAPHIC
from meridian.domain.gates import WORK, WORKING_MAX, GateName
from meridian.domain.key_state import TABLE as STATES
from meridian.pipeline.binding import BindingError, bind
from meridian.transport.error_table import TABLE as ERRORS

ROOT = Path(__file__).parents[2]
BUILT = set(walked_rpcs())
DECLARED = walked_rpcs() | batch_rpcs()
SHOWS_NOTHING = {"DescribePolicySet", "DescribeRegions", "DescribeAudit", "ExplainDecision", "WhoAmI", "GetCallerIdentity"}
"""Operations whose request says nothing that an audit record shows."""


def audited_in(message: type[Message]) -> list[FieldDescriptor]:
    """The fields of a message that audit records show."""
    return [field for field in descriptor_of(message).fields if is_audited(field)]


def test_every_operation_of_the_contract_is_built() -> None:
    assert len(rpcs()) == 56
    assert {rpc.name for rpc in walked_rpcs().values() if rpc.noun in (ACCESS, CALLER, STS, XKS)} == BUILT - set(rpcs())


@pytest.mark.parametrize("name", sorted(BUILT))
def test_a_built_operation_has_its_rows(name: str) -> None:
    rpc = walked_rpcs()[name]
    assert bool(audited_in(rpc.request_class)) is (name not in SHOWS_NOTHING), "which of its fields an audit record shows"
    assert rpc.rate in RATES, "its rate"
    assert rpc.work in WORK, "its kind of work"
    if rpc.key_fields:
        assert name in STATES, "what it may do in each key state"
    if rpc.has_dry_run:
        assert name in CRYPTOGRAPHIC or rpc.noun == "grants", "the usage it needs"
    module = (ROOT / "service" / "meridian" / "operations" / f"{rpc.noun}.py").read_text()
    assert f"async def {rpc.method_name}(" in module, "its method, in the module of its noun"


def test_the_enum_of_operations_has_every_rpc_and_no_other() -> None:
    assert {each.value: each.name for each in Operation} == {name: rpc.method_name.upper() for name, rpc in DECLARED.items()}
    assert all(rpc.name is Operation(name) for name, rpc in DECLARED.items())


@pytest.mark.parametrize("name", sorted(batch_rpcs()))
def test_a_batch_is_made_of_one_single_call_and_asks_for_nothing_itself(name: str) -> None:
    """What it is refused for as a whole is counted and recorded as itself; everything else is its items'."""
    batch, item = batch_rpcs()[name], item_rpcs()[name]
    assert f"{item.name}Batch" == name
    assert (batch.requires, batch.read_only, batch.work) == ((), item.read_only, item.work)
    assert batch.rate == item.rate
    assert audited_in(batch.request_class) == []
    outcome = {field.name: field for field in message_of(descriptor_of(batch.response_class).fields_by_name["items"]).fields}
    assert message_of(outcome["answer"]) is descriptor_of(item.response_class)
    assert message_of(outcome["error"]).full_name == "google.rpc.Status"
    assert items_most(batch) == 100
    assert name not in BUILT, "its items are walked"
    assert name in served_rpcs()


def test_every_operation_on_a_key_has_a_row_of_states() -> None:
    on_keys = {name for name, rpc in walked_rpcs().items() if any(r.resource in ("KEY", "ALIAS_TARGET") for r in rpc.requires)}
    assert on_keys <= set(STATES) | {"UpdateAlias"}


def test_every_kind_of_work_is_some_operations_and_enters_at_a_gate() -> None:
    assert {rpc.work for rpc in walked_rpcs().values()} == set(WORK)
    assert {gate for gate, _ in WORK.values()} == set(WORKING_MAX) - {GateName.OUTSIDE}, "calls go over to the last"


def test_every_kind_of_key_that_a_request_can_name_has_its_rate() -> None:
    """What is not offered is counted with what names nothing."""
    unoffered = {"SM2", "SM2PKE", "SM2DSA", "ML_KEM_512"}
    for rpc in rpcs().values():
        for field in rpc.algorithm_fields:
            descriptor = descriptor_of(rpc.request_class).fields_by_name[field]
            values = set(enum_values(enum_of(descriptor)).values())
            assert {value for value in values if class_said(field, value) not in RATES} == values & unoffered


def test_context_attributes_of_built_operations_have_a_reader() -> None:
    for name in BUILT:
        for requirement in walked_rpcs()[name].requires:
            assert set(requirement.context) <= set(_READERS), requirement.action
    assert {a.rstrip("?") for a in SchemaModel(schema_text()).types["Request"]} == set(_REQUEST_READERS)


def test_every_error_has_exactly_one_row_on_the_wire() -> None:
    classes = {c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.KmsError)} - {errors.KmsError}
    assert classes == set(ERRORS)


def test_every_declared_error_exists_by_its_name() -> None:
    declared = {name for rpc in DECLARED.values() for name in rpc.errors}
    assert {name for name in declared if not hasattr(errors, name)} == set()


def test_a_hole_in_the_contract_stops_the_start() -> None:
    with pytest.raises(BindingError) as caught:
        bind({"Encrypt": replace(rpcs()["Encrypt"], work="UNSPECIFIED", rate="")}, {})
    assert str(caught.value) == "Encrypt declares no kind of work; Encrypt declares no rate; Encrypt has no operation"


def test_only_the_evaluator_imports_the_policy_engine() -> None:
    importing = [p.name for p in (ROOT / "service").rglob("*.py") if re.search(r"^\s*(import|from) cedarpy", p.read_text(), re.M)]
    assert importing == ["evaluator.py"]


def test_no_secret_field_is_ever_audited() -> None:
    for name, rpc in DECLARED.items():
        shown = [*audited_in(rpc.request_class), *audited_in(rpc.response_class)]
        assert not [f.name for f in shown if is_secret(f) or f.type == f.TYPE_BYTES], name


def test_files_are_short() -> None:
    """A file past 300 lines asks to be divided by meaning."""
    reasons = {
        "errors.py": "one class per AWS exception",
        "tables.py": "the schema",
        "test_store.py": "the contract of one port",
        "naive_evaluator.py": "the second opinion, to be read in one piece",
        "authority_model.py": "the protocol, to be read in one piece",
        "test_audit_edits.py": "THE table of edits of an audit log",
        "targets.py": "THE table of what is fuzzed",
        "test_every_setting_acts.py": "THE table of settings and options",
        "test_authority.py": "one case for each side of each rule",
        "test_http_connections.py": "one case for each stage of a connection",
        "test_identity_reload.py": "one case for each file that is read again",
        "test_heavy_work.py": "one case for each way to hold up others",
        "test_audit_evidence.py": "one case for each way to lose the log",
        "region_in_process.py": "a Region with everything it is made of",
        "test_sets_on_real_stores.py": "one machine of all that can happen to a set",
        "test_remembered_decisions.py": "one case for each kind of change",
        "test_audit_sinks.py": "one case for each way in which a collector or a bucket can fail",
        "test_xks_proxy.py": "THE table of the calls of the published test client",
        "test_identity_policies.py": "one case for each thing that an identity policy may say",
        "test_hostile_key_managers.py": "THE table of what a key manager may answer",
        "test_hostile_regions.py": "one lie for each thing that a Region can say",
        "xks_proxy.py": "a proxy, with all that it may do wrong",
        "test_seed_003_external_key_stores.py": "one story, sentence by sentence",
        "declared_recipes.py": "one recipe for each declared error",
        "test_every_worker_meets_a_poisoned_row.py": "one poison for each job",
        "key.py": "the record that everything is about, with each change of it",
        "test_settings_file.py": "one case for each way in which settings can be wrong",
        "test_fronts.py": "one case for each thing that both fronts do alike",
        "test_assumed_roles.py": "one case for each way to ask for keys of a role",
        "test_settings_act.py": "one case for each setting that acts at the start",
    }
    generated = re.compile(r"_pb2|/versions/|client/(?:blocking_operations|asyncio_operations|methods|words)\.py")
    long = {
        p.name
        for folder in ("service", "scripts", "tests")
        for p in (ROOT / folder).rglob("*.py")
        if not generated.search(str(p)) and len(p.read_text().splitlines()) > 300
    }
    assert long == set(reasons), "a row for each long file, and none for a file that is short by now"
