"""The walks of calls: THE order of their steps, for a caller's own call and for the two that another Region makes on a caller's behalf."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import Any

from meridian.authentication.assumed_role import AssumedRoles
from meridian.authentication.aws_signature import KMS, STS, AwsSignatures
from meridian.authentication.client_certificate import ClientCertificates
from meridian.authentication.failed_attempts import FailedAttempts
from meridian.authentication.identity_tokens import IdentityTokens
from meridian.authentication.session_keys import SessionKeys
from meridian.authorization.decision.tried_policies import TriedPolicies
from meridian.bootstrap.core import Core
from meridian.bootstrap.operations import UseCases
from meridian.bootstrap.replication import Outbound
from meridian.call import Call
from meridian.contract.catalog import ACCESS, Rpc, batch_rpcs, rpcs, walked_rpcs
from meridian.domain.home import Home
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.operations.access import Access, Standings
from meridian.operations.decisions import Decisions
from meridian.pipeline.access_check import AccessCheck
from meridian.pipeline.admit import Admit
from meridian.pipeline.alike import Turn
from meridian.pipeline.authenticate import Authenticate
from meridian.pipeline.authorize import Authorize
from meridian.pipeline.batches import Batches
from meridian.pipeline.binding import bind
from meridian.pipeline.call_spans import CallSpans
from meridian.pipeline.chain import Notes, Pipeline, Step, Steps
from meridian.pipeline.convert_policy import ReadPolicyDocument
from meridian.pipeline.describe_new_key import Foresee
from meridian.pipeline.entrance import CallWalks, Entrance, Seen
from meridian.pipeline.find_grants import FindGrants
from meridian.pipeline.find_idle_days import FindIdleDays
from meridian.pipeline.foretell_elsewhere import ForetellElsewhere
from meridian.pipeline.peer_calls import (
    REPLICATE_KEY,
    UPDATE_PRIMARY_REGION,
    ForeseeReplica,
    OnBehalf,
    OwnMember,
    call_of,
    handover_rpc,
    only_asked,
    replica_rpc,
)
from meridian.pipeline.policy_trial import PolicyTrial, TrialHands
from meridian.pipeline.recent_calls import RecentCalls
from meridian.pipeline.repeats import Repeats
from meridian.pipeline.resolve import Resolve
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.pipeline.undisclosed import Undisclosed
from meridian.pipeline.validate import Validate
from meridian.policy_kit.recorded_decisions import RecordedDecisions
from meridian.ports.clock import Clock
from meridian.replication.await_handover import AwaitRole
from meridian.replication.reserve_replica import ReserveReplica
from meridian.transport.peer_server import PreparedWalk, PreparedWalks
from meridian.workers.policy_files import PolicyFilesWorker, PolicyFolder


@dataclass(frozen=True, slots=True)
class Pipelines:
    """`calls` for callers, `batches` for many of theirs at once; `prepared` for other Regions; who calls, and what becomes of nobody."""

    calls: Entrance
    batches: Batches
    prepared: PreparedWalks
    identify: Authenticate
    tokens: IdentityTokens
    signatures_of_sts: AwsSignatures
    assumed_roles: AssumedRoles
    unauthenticated: Unauthenticated
    policies: PolicyFilesWorker


def build_pipelines(core: Core, cases: UseCases, outbound: Outbound) -> Pipelines:
    """Raises: BindingError where an operation of the contract has no use case."""
    settings, limits, clock = core.settings, core.settings.limits, core.clock
    partition, region, principals = settings.partition, settings.region, core.files.principals
    telemetry = Telemetry(clock, core.registry)
    spans = CallSpans(core.tracing.traces, core.tracing.shown)
    authorize = Authorize(core.authorizer, region=region, region_labels=core.region_labels, events=core.events, heavy=core.work.heavy)
    throttle = Throttle(clock, settings.throttle, walked_rpcs())
    for counting in (authorize, throttle):
        core.registry.register(counting)
    policies = PolicyFilesWorker(
        PolicyFolder(settings.policies, limits.policy_look_seconds),
        authorizer=core.authorizer,
        clock=clock,
        announce=core.audit.record_policy_set,
        events=core.events,
        turns=core.work.turns,
    )
    read_document = partial(
        ReadPolicyDocument,
        home=Home(partition, region),
        model=core.authorizer.model,
        services=settings.services,
        limits=limits,
        beside=core.work.beside,
    )
    find_grants = FindGrants(
        store=core.store, page_markers=core.engine.page_markers, directory=core.directory, clock=clock, entropy=core.entropy
    )
    validate = Validate()
    repeats = Repeats(core.store)
    found: tuple[Step, ...] = (
        find_grants.require_forms,
        Resolve(core.directory, core.store, core.events, partition=partition, region=region),
        Undisclosed(find_grants, core.events),
        Foresee(partition=partition, region=region),
        Undisclosed(FindIdleDays(core.usage, limits.day_seconds), core.events),
    )
    access = AccessCheck(
        live=policies,
        principals=principals,
        authorize=authorize,
        steps=(validate, *found),
        rpcs=rpcs(),
        foretell=ForetellElsewhere(outbound.peer, outbound.peers, core.identity),
    )
    again = RecordedDecisions(core.authorizer, core.directory, core.surroundings, core.work.heavy, core.events)
    decisions = Decisions(core.history, core.engine.page_markers, core.directory, policies, again, region=region)
    trials = PolicyTrial(access, authorize, *_trial(core))
    own = Access(access, rpcs(), cases.key_stores.external, Standings(cases.regions, cases.audit), decisions, trials)
    pipeline = partial(
        Pipeline,
        notes=Notes(telemetry, core.audit, core.events),
        repeats=repeats,
        forget=core.directory.forget,
        turns=cases.turns,
    )
    calls = pipeline(
        steps=Steps(
            before=(validate, repeats),
            deciding=(*found, authorize),
            after=(read_document(frozenset({"CreateKey", "PutKeyPolicy"})), Admit()),
        ),
        operations=bind(walked_rpcs(), {**cases.services, ACCESS: own}),
    )
    entrance = Entrance(
        steps=(throttle,),
        walks=CallWalks(calls.walk, calls.walk_item),
        rpcs=walked_rpcs() | batch_rpcs(),
        cores=core.work.cores,
        seen=Seen(telemetry, spans, core.events),
        clock=clock,
    )
    core.registry.register(entrance)
    on_behalf = OnBehalf(principals, outbound.peers, region=region)
    reserve = ReserveReplica(
        store=core.store, trail=core.audit, policy_check=cases.check, clock=clock, limits=limits, refusals=outbound.refusals
    )
    on_replica: tuple[Step, ...] = (ForeseeReplica(partition=partition, region=region), authorize)
    on_handover: tuple[Step, ...] = (OwnMember(core.directory), authorize)
    prepared = pipeline(
        steps=Steps((on_behalf, Validate()), on_replica, after=(read_document(frozenset({REPLICATE_KEY})),)),
        operations={REPLICATE_KEY: reserve.reserve},
    )
    succeed = AwaitRole(
        store=core.store,
        directory=core.directory,
        trail=core.audit,
        updating_seconds=limits.updating_seconds,
        refusals=outbound.refusals,
    )
    handed_over = pipeline(
        steps=Steps((on_behalf, Validate()), on_handover, after=()),
        operations={UPDATE_PRIMARY_REGION: succeed.await_role},
    )
    foretold_replica = pipeline(steps=Steps((on_behalf, Validate()), on_replica, after=()), operations={REPLICATE_KEY: _only_asked})
    foretold_handover = pipeline(
        steps=Steps((on_behalf, Validate()), on_handover, after=()), operations={UPDATE_PRIMARY_REGION: _only_asked}
    )
    sessions, tokens = SessionKeys(principals, core.engine.session_tokens), IdentityTokens(principals, core.key_sets, core.token_reviews)
    attempts = FailedAttempts(limits.failed_authentications_per_minute)
    return Pipelines(
        calls=entrance,
        batches=Batches(entrance, partial(Turn, authorize.count), calls.close_items, telemetry=telemetry, spans=spans, events=core.events),
        prepared=PreparedWalks(
            prepare=_walk_prepared(prepared, replica_rpc(rpcs()), clock, spans),
            prepare_handover=_walk_prepared(handed_over, handover_rpc(rpcs()), clock, spans),
            foretell=_walk_foretold(
                _walk_prepared(foretold_replica, only_asked(replica_rpc(rpcs())), clock, spans),
                _walk_prepared(foretold_handover, only_asked(handover_rpc(rpcs())), clock, spans),
            ),
        ),
        identify=Authenticate(
            principals,
            ClientCertificates(principals, core.files.grpc.check),
            AwsSignatures(principals, sessions, region=region, service=KMS),
            tokens,
        ),
        tokens=tokens,
        signatures_of_sts=AwsSignatures(principals, sessions, region=region, service=STS),
        assumed_roles=AssumedRoles(principals, tokens),
        unauthenticated=Unauthenticated(events=core.events, attempts=attempts, telemetry=telemetry, clock=clock),
        policies=policies,
    )


def _trial(core: Core) -> tuple[TriedPolicies, TrialHands]:
    tried = TriedPolicies(
        core.authorizer,
        schema=core.authorizer.schema,
        around=core.surroundings,
        limits=core.settings.limits,
        as_json=core.work.held.policies_as_json,
    )
    recent = RecentCalls(core.history, core.store, core.work.looks, core.clock)
    return tried, TrialHands(core.work.trials, core.work.heavy, recent)


async def _only_asked(_request: Any, _call: Call) -> None:
    """What follows the decisions of a call that is only asked about: nothing."""


def _walk_foretold(replica: PreparedWalk, handover: PreparedWalk) -> PreparedWalk:
    def walk(message: Prepare | PrepareHandover) -> Awaitable[Any]:
        return (replica if isinstance(message, Prepare) else handover)(message)

    return walk


def _walk_prepared(pipeline: Pipeline, rpc: Rpc, clock: Clock, spans: CallSpans) -> PreparedWalk:
    async def walk(message: Prepare | PrepareHandover) -> Any:
        call = call_of(rpc, message, clock)
        with spans.around(call):
            return await pipeline.walk(call)

    return walk
