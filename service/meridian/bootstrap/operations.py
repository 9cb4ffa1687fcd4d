"""The use cases behind the operations, by the name that the contract binds them with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from meridian.adapters.audit_files_look import LookedAtFiles
from meridian.adapters.import_key_pool import ImportKeyPool
from meridian.audit.standing import AuditStanding
from meridian.authorization.decision.key_policy_check import KeyPolicyCheck
from meridian.bootstrap.core import Core
from meridian.bootstrap.key_stores import KeyStorePlaces, build_key_stores
from meridian.bootstrap.replication import Outbound
from meridian.domain.home import Home
from meridian.engine.export_cipher import DerivedExportCipher
from meridian.operations.aliases import Aliases
from meridian.operations.caller import Caller
from meridian.operations.change import KeyChanges
from meridian.operations.data_keys import DataKeys
from meridian.operations.encryption import Encryption
from meridian.operations.grants import Grants
from meridian.operations.imports import Imports
from meridian.operations.key_agreement import KeyAgreement
from meridian.operations.key_policies import KeyPolicies
from meridian.operations.key_stores import KeyStores
from meridian.operations.key_turns import KeyTurns
from meridian.operations.keys import Keys
from meridian.operations.macs import Macs
from meridian.operations.multi_region import HandoverTiming, MultiRegion
from meridian.operations.new_key_pairs import NewKeyPairs
from meridian.operations.outcomes import Outcomes
from meridian.operations.rotation import Rotation
from meridian.operations.signing import Signing
from meridian.operations.sts import Sts
from meridian.operations.tags import Tags
from meridian.operations.xks import Xks
from meridian.release import RELEASE
from meridian.replication.delete_key import Leave
from meridian.replication.region_standings import OwnStanding, RegionStandings
from meridian.workers.key_schedule import KeyScheduleWorker


@dataclass(frozen=True, slots=True)
class UseCases:
    """The services of operations, and what works for them by time."""

    services: dict[str, object]
    check: KeyPolicyCheck
    schedule: KeyScheduleWorker
    wrapping_keys: ImportKeyPool
    turns: KeyTurns
    key_stores: KeyStorePlaces
    regions: RegionStandings
    audit: AuditStanding


def build_use_cases(core: Core, outbound: Outbound, troubles: Callable[[], list[str]]) -> UseCases:
    """Every use case but Access, which asks the pipeline itself. `troubles`: why a call would not work now."""
    settings, limits = core.settings, core.settings.limits
    store, engine = core.store, core.engine
    check = KeyPolicyCheck(
        core.authorizer, region=settings.region, region_labels=core.region_labels, events=core.events, heavy=core.work.heavy
    )
    home = Home(settings.partition, settings.region)
    outcomes = Outcomes(store, core.audit, limits)
    turns = KeyTurns()
    changes = KeyChanges(store, core.directory, outcomes, outbound.publisher, turns)
    places = build_key_stores(core)
    schedule = KeyScheduleWorker(
        store=store,
        symmetric_keys=engine.symmetric_keys,
        directory=core.directory,
        trail=core.audit,
        publisher=outbound.publisher,
        leave=Leave(identity=core.identity, trail=core.audit),
        entropy=core.entropy,
        limits=limits,
        clock=core.clock,
        events=core.events,
        in_stores=places.keys,
    )
    wrapping_keys = ImportKeyPool(limits.import_keys_ready, wait_seconds=limits.import_key_wait_seconds)
    key_pairs = NewKeyPairs(core.work.pairs, core.work.keys, core.work.heavy)
    services: dict[str, object] = {
        "keys": Keys(
            store=store,
            symmetric_keys=engine.symmetric_keys,
            serials=engine.serials,
            page_markers=engine.page_markers,
            changes=changes,
            outcomes=outcomes,
            policy_check=check,
            clock=core.clock,
            entropy=core.entropy,
            home=home,
            limits=limits,
            usage=core.usage,
            key_pairs=key_pairs,
            in_stores=places.keys,
        ),
        "aliases": Aliases(store=store, page_markers=engine.page_markers, changes=changes, home=home, limits=limits),
        "tags": Tags(page_markers=engine.page_markers, changes=changes, limits=limits),
        "grants": Grants(store=store, page_markers=engine.page_markers, changes=changes, home=home, limits=limits),
        "key_stores": KeyStores(
            store=store,
            page_markers=engine.page_markers,
            outcomes=outcomes,
            entropy=core.entropy,
            limits=limits,
            connections=places.connections,
            credentials=engine.store_secrets,
            directory=core.directory,
            wake=places.wake,
        ),
        "key_policies": KeyPolicies(changes=changes, policy_check=check),
        "encryption": Encryption(engine.key_pairs, places.ciphers, core.work.keys),
        "data_keys": DataKeys(engine.symmetric_keys, engine.key_pairs, places.ciphers, store, key_pairs, {"AWS_CLOUDHSM": places.tokens}),
        "signing": Signing(engine.key_pairs, core.work.keys),
        "macs": Macs(engine.key_pairs),
        "key_agreement": KeyAgreement(engine.key_pairs, core.work.keys),
        "multi_region": MultiRegion(
            publisher=outbound.publisher,
            serials=engine.serials,
            changes=changes,
            outcomes=outcomes,
            others=outbound.others,
            timing=HandoverTiming(core.clock, limits.updating_seconds),
        ),
        "imports": Imports(
            store=store,
            materials=engine.imports,
            changes=changes,
            wrapping_keys=wrapping_keys,
            limits=limits,
            beside=core.work.beside,
        ),
        "rotation": Rotation(store=store, page_markers=engine.page_markers, changes=changes, limits=limits, wake_schedule=schedule.wake),
    }
    services["caller"] = Caller(region=settings.region)
    services["sts"] = Sts(principals=core.files.principals, tokens=engine.session_tokens, entropy=core.entropy)
    cipher = DerivedExportCipher(engine.symmetric_keys, core.entropy)
    services["xks"] = Xks(exports=core.exports, cipher=cipher, replica=settings.replica, troubles=troubles)
    return UseCases(services, check, schedule, wrapping_keys, turns, places, _standings(core, outbound, troubles), _audit(core))


def _audit(core: Core) -> AuditStanding:
    audit = core.settings.audit
    return AuditStanding(
        core.store,
        LookedAtFiles(core.logs.directories, core.work.looks, core.clock),
        own_stream=lambda: core.stream.head.stream,
        sinks=lambda: core.sinks.standings,
        free_bytes=lambda: core.stream.figures().free_bytes,
        reserve_bytes=audit.reserve_bytes,
    )


def _standings(core: Core, outbound: Outbound, troubles: Callable[[], list[str]]) -> RegionStandings:
    return RegionStandings(
        core.store,
        core.clock,
        OwnStanding(core.settings.region, RELEASE, troubles),
        labels=core.region_labels,
        contacts={region: partial(outbound.peer.contact, region) for region in outbound.peers},
    )
