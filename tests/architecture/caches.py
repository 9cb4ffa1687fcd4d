"""THE table of what the service keeps by name: what names it, how many there are at most, and how long a name is.

A name that somebody else writes has a bound on both. A name is "ours" where the operators, the contract or the process make it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ours:
    """Its names are as many as somebody of ours has made."""

    names: str


@dataclass(frozen=True)
class Bounded:
    """`entries`: the constant that the code compares its length with. `name`: what bounds the length of a name, in characters or bytes."""

    entries: str
    name: int
    why: str = ""


@dataclass(frozen=True)
class Measured:
    """A `BoundedCache`: counted in bytes with all others of the process, under `metric`. `entries` and `name` as above."""

    metric: str
    entries: str
    name: int


@dataclass(frozen=True)
class Beside:
    """Entries live and die with those of another."""

    other: str


REGIONS = Ours("the Regions of the settings")
CONTRACT = Ours("what the contract has")
CALL = Ours("one call, with its request, whose size is bounded")
CONNECTIONS = Ours("open connections, which have a budget")
VERIFIED = Ours("one verification of a log, in a process of its own that ends")
READ = Ours("what the policies of one slice read, which their size bounds; gone with the reading")
SWEPT = Ours("one sweep of a policy author's command, which ends and has bounds of its own")
PROCESSES = Ours("processes of the command line, and what each counts")
FILES = Ours("names of files in the audit directory when the process begins")
KEY_NAME = 2048
"""The longest reference to a key that the contract takes."""
ARN = 2048

CACHES: dict[str, Ours | Bounded | Measured | Beside] = {
    "adapters/audit_ended_replicas.py EndedReplicas._done": Ours("folders that are there, forgotten with them"),
    "audit/standing_faults.py StandingFaults._told": Ours("what can fail of an audit log"),
    "adapters/audit_reader.py LogReader._later": FILES,
    "adapters/audit_ship_files.py FileShipper._later": FILES,
    "adapters/audit_waiting.py GivenChanges._waiting": Ours("records that the stream has been given; what waits has a bound"),
    "adapters/heavy_workers.py HeavyWorkers._running": Ours("accounts of principals, while something of theirs runs"),
    "adapters/looks_abroad.py LooksAbroad._into": Bounded("LOOKS_MAX", 2 * ARN, "counted over all accounts"),
    "adapters/pkcs11/links.py TokenLinks._open": Bounded("LINKS_MAX", 64, "ids of key stores"),
    "adapters/pkcs11/library.py TokenSession.keys": Bounded("KEYS_MAX", 16, "ids of keys that are found in the token"),
    "adapters/pkcs11/library.py binding": Ours("nothing names it"),
    "adapters/pkcs11/library.py library": Ours("libraries of the settings"),
    "adapters/pkcs11/thread.py token_thread": Ours("nothing names it"),
    "adapters/peer_channels.py PeerChannels._channels": REGIONS,
    "adapters/region_peer_grpc.py GrpcRegionPeer._contacts": REGIONS,
    "adapters/peer_channels.py PeerChannels._closing": Ours("tasks that close channels"),
    "adapters/region_peer_grpc.py GrpcRegionPeer._offers": REGIONS,
    "adapters/security_events.py ReportedSecurityEvents._waiting": Bounded("KINDS_PER_SECOND_MAX", 256, "of each text"),
    "adapters/separate_processes.py SeparateProcesses._running": Ours("processes of the settings"),
    "adapters/separate_processes.py _Places._waiting": Ours("accounts of principals, while a thread waits for them"),
    "adapters/store_cache.py CachedKeys._keys": Measured("keys", "ENTRIES_MAX", 64),
    "adapters/store_cache.py CachedKeys._numbers": Measured("key numbers", "ENTRIES_MAX", 16),
    "adapters/store_cache.py CachedKeys._spellings": Measured("spellings", "ENTRIES_MAX * SPELLINGS_PER_KEY", KEY_NAME),
    "adapters/store_cache.py CachedKeys._grants": Measured("grants", "GRANTS_MAX", ARN),
    "adapters/store_sql/live_connections.py LiveConnections._busy": Ours("connections to the database, which have a bound"),
    "adapters/store_sql/whole_connections.py Connections._tasks": Ours("openings and closings, no more than there are connections"),
    "adapters/store_sql/live_connections.py LiveConnections._idle": Ours("connections to the database, which have a bound"),
    **dict.fromkeys(
        (f"adapters/key_store_metrics.py StoreRequestMetrics.{name}" for name in ("_seconds", "_durations", "_requests")),
        Ours("what key stores are asked, and what may become of it"),
    ),
    "adapters/xks_proxy/lookups.py Lookups._of_account": Ours("accounts of key stores, while a look-up of theirs runs"),
    "adapters/xks_proxy/lookups.py Lookups._running": Ours("look-ups of proxies that have a thread, of which there are a few"),
    "adapters/xks_proxy/key_store.py ExternalKeyStores._links": Bounded("CONNECTIONS_MAX", 64, "ids of account and store"),
    "adapters/waiting_accounts.py WaitingAccounts._queues": Ours("accounts of principals; what waits has a bound"),
    "adapters/live_key_sets.py LiveKeySets._standings": Ours("issuers of the principals file, at most 32"),
    "adapters/live_token_reviews.py LiveTokenReviews._answers": Bounded("KNOWN_MAX", 32, "SHA-256 of tokens"),
    "adapters/live_token_reviews.py LiveTokenReviews._waiting": Bounded("WAITING_MAX", 32, "SHA-256 of tokens"),
    "adapters/live_token_reviews.py LiveTokenReviews._tls": Ours("issuers of the principals file, at most 32"),
    "adapters/live_token_reviews.py LiveTokenReviews._faults": Ours("issuers of the principals file, at most 32"),
    "adapters/live_token_reviews.py LiveTokenReviews._counts": Ours("issuers of the principals files so far, by three outcomes"),
    "adapters/token_rules_file.py TokenTablesReader._files": Ours("files that the principals file names"),
    **dict.fromkeys(
        (f"authorization/decision/sweep.py {name}" for name in ("Sweep._answers", "_Slices._made", "_Slices._own")),
        Ours("one sweep of a command, emptied when it is long"),
    ),
    **dict.fromkeys(
        (f"authorization/decision/sweep.py {name}" for name in ("_Batch.contexts", "_Look._members", "_Look._pairs", "_Look._things")),
        Ours("the AT_ONCE requests that a command looks at together"),
    ),
    "crypto/signed_tokens.py KeySet._keys": Ours("keys of one issuer's set, at most 64"),
    "adapters/live_exports.py _Known.exports": Ours("what the operator exports"),
    "adapters/live_exports.py _Known.secrets": Ours("credentials that the operator made for what he exports"),
    "adapters/live_exports.py _Known.stores": Ours("prefixes of what the operator exports"),
    "authentication/aws_signature.py SigningKeys._keys": Bounded(
        "KEYS_MAX", 72, "the day and, of another KMS, its Region; ours is the secret"
    ),
    "authentication/aws_signature.py _moment": Bounded("64", 16),
    "authentication/certificate_check.py CertificateCheck._known": Bounded("CACHE_ENTRIES_MAX", 16 * 1024),
    "authentication/certificate_names.py CertificateNames._known": Bounded("CERTIFICATES_MAX", 16 * 1024),
    "authentication/client_certificate.py ClientCertificates._known": Bounded("CACHE_ENTRIES_MAX", 16 * 1024),
    "authentication/session_keys.py SessionKeys._known": Bounded("SESSIONS_MAX", 32, "a digest"),
    "authentication/verified_tokens.py VerifiedTokens._known": Bounded("TOKENS_MAX", 32, "a digest"),
    "authentication/failed_attempts.py FailedAttempts._buckets": Bounded("ADDRESSES_MAX", 45),
    "authorization/aws_policy/convert.py _Work.delegated": Ours("actions of the schema"),
    "authorization/aws_policy/documents.py Labels._taken": Ours("one document that is converted, whose size is bounded"),
    "authorization/language/entities.py Surroundings.org_units": Ours("the settings"),
    "authorization/language/entities.py Surroundings.region_labels": Ours("the settings"),
    "authorization/decision/layers.py Layers._known": Ours("the operator's policy files"),
    "authorization/decision/live_policies.py LivePolicies.bases": Measured("entities", "BASES_MAX", ARN),
    "authorization/decision/live_policies.py LivePolicies.decisions": Measured("decisions", "DECISIONS_MAX", ARN),
    "authorization/decision/live_policies.py LivePolicies.narrowed": Measured("narrowed", "NARROWED_MAX", ARN),
    "authorization/decision/live_policies.py LivePolicies.read": Measured("policies", "READ_MAX", ARN),
    "authorization/decision/live_policies.py LivePolicies.members": Measured("members", "SLICES_MAX", ARN),
    "authorization/decision/sweep.py _Batch.contexts": SWEPT,
    "authorization/decision/sweep.py _Look._members": SWEPT,
    "authorization/decision/sweep.py _Look._pairs": SWEPT,
    "authorization/decision/sweep.py _Look._things": SWEPT,
    "authorization/decision/sweep.py _Slices._made": SWEPT,
    "authorization/decision/sweep.py _Slices._own": SWEPT,
    "authorization/decision/sweep.py Sweep._answers": SWEPT,
    "authorization/language/read_set.py _Found.paths": READ,
    "authorization/language/read_set.py _Found.tests": READ,
    "authorization/language/read_set.py _Found.values": READ,
    "authorization/language/schema_model.py SchemaModel.actions": CONTRACT,
    "authorization/language/schema_model.py SchemaModel.ancestors": CONTRACT,
    "authorization/language/schema_model.py SchemaModel.entities": CONTRACT,
    "authorization/decision/slices.py SliceCompiler._compiled": Measured("slices", "COMPILED_MAX", ARN),
    "authorization/decision/slices.py SliceCompiler._schemas": Measured("schemas", "COMPILED_MAX", ARN),
    "contract/comments.py _comments": CONTRACT,
    "contract/enums.py _enum_numbers": CONTRACT,
    "contract/enums.py _enum_values": CONTRACT,
    "contract/batches.py batch_of": CONTRACT,
    "contract/batches.py item_rpcs": CONTRACT,
    "contract/batches.py payload_fields": CONTRACT,
    "contract/catalog.py batch_rpcs": CONTRACT,
    "contract/catalog.py rpcs": CONTRACT,
    "contract/catalog.py served_rpcs": CONTRACT,
    "contract/catalog.py sts_rpcs": CONTRACT,
    "domain/addresses.py _network": Bounded("4096", 45),
    "domain/addresses.py _plain": Bounded("4096", 45),
    "audit/record.py _second": Ours("seconds of our clock"),
    "domain/bounded_cache.py Caches.lookups": Ours("caches of the process"),
    "domain/bounded_cache.py BoundedCache._kept": Ours("each `Measured` row"),
    "domain/bounded_cache.py BoundedCache._owned": Beside("adapters/store_cache.py CachedKeys._keys"),
    "domain/bounded_cache.py BoundedCache._shares": Ours("accounts of callers, while something of theirs is kept"),
    "domain/bounded_cache.py Caches._all": Ours("caches of the process"),
    "domain/cache_entries.py Owned.names": Ours("each `Measured` row"),
    "domain/cache_entries.py Share.names": Ours("each `Measured` row"),
    "call.py Call.absent": CALL,
    "call.py Call.aliases": CALL,
    "call.py Call.audit_data": CALL,
    "call.py Call.canonical_context": CALL,
    "call.py Call.contexts": CALL,
    "call.py Call.grant_ids": CALL,
    "call.py Call.grants": CALL,
    "call.py Call.keys": CALL,
    "call.py Evidence.headers": CALL,
    "adapters/sign_in_provider.py OidcProvider._redeeming": Bounded("AT_ONCE_MAX", 45, "addresses, while a code of theirs is redeemed"),
    "console/sign_in.py SignIn._redeemed": Bounded("REDEEMED_MAX", 43, "states that were sealed here"),
    "domain/gates.py Gate._order": Ours("calls that wait; the newest is refused beyond `waiting_max`"),
    "domain/gates.py Gate._waiting": Ours("accounts of principals, while a call of theirs waits"),
    "domain/gates.py Gate._working": Ours("accounts of principals, while a call of theirs is at work"),
    "domain/grant.py Grant.constraint": Ours("one grant, whose constraints the contract bounds"),
    "domain/held_refusals.py HeldRefusals._counts": Ours("accounts of principals, for half a second"),
    "domain/newest.py Newest._kept": Ours("the row of whoever keeps one"),
    "domain/policy_decision.py joined": Bounded("JOINED_KEPT", 65_536, "the ids of policies of both sides; a key policy has 32 KiB"),
    "engine/asymmetric.py AsymmetricCommands._parsed": Measured("private keys", "PARSED_MAX", 256),
    "engine/commands.py SymmetricCommands._loaded": Measured("material", "LOADED_MAX", 256),
    "engine/keyring.py Keyring._keks": Ours("keys of the keyring"),
    "identity.py Identity.https": Ours("the listeners of the settings"),
    "k8s_kms/health_port.py HealthPort._connections": CONNECTIONS,
    "k8s_kms/metrics.py Metrics.rotations": Ours("a count without labels"),
    "k8s_kms/regions.py Regions._answered_at": Ours("endpoints of the command line"),
    "k8s_kms/regions.py Regions._away": Ours("endpoints of the command line"),
    "operations/key_turns.py KeyTurns._lines": Ours("keys that are being changed"),
    "operations/key_turns.py KeyTurns._taken": Ours("calls that change a key now"),
    "operations/key_turns.py Line._waiting": Ours("calls that wait to change one key; a caller has `WAITING_MAX` of them"),
    "adapters/audit_files_look.py _Seen.names": Ours("segments of one look, of which there is a bound"),
    "audit/against_database.py Mentions._wanted": VERIFIED,
    "audit/against_database.py Mentions.events": VERIFIED,
    "audit/check_ended.py SignedEnds._hashes": VERIFIED,
    "audit/check_stream.py StreamCheck._pins": VERIFIED,
    "audit/check_stream.py StreamCheck._roots": VERIFIED,
    "audit/check_stream.py Vouchers.ends": VERIFIED,
    "audit/copies.py Copies._first": VERIFIED,
    "audit/copies.py Copies._places": VERIFIED,
    "audit/copies.py Copies._taken": VERIFIED,
    "audit/findings.py Report.ended": VERIFIED,
    "audit/findings.py StreamReport.ended_at": VERIFIED,
    "audit/findings.py StreamReport.opening": VERIFIED,
    "audit/neighbours.py Neighbours.pins": VERIFIED,
    "audit/vanished_keys.py KeyLives._created": VERIFIED,
    "audit/vanished_keys.py KeyLives._deleted": VERIFIED,
    "audit/verify.py Expected.pins": VERIFIED,
    "audit/ship_events.py AuditShipping._under_way": Ours("calls that are answered now"),
    "audit/ship_events.py AuditShipping._unreadable": Bounded("UNREADABLE_MAX", 64, "the id of an event that we made"),
    "audit/record_maker.py Parts._kept": Measured("audit parts", "PARTS_MAX", 64),
    "audit/shown_parameters.py _readers": CONTRACT,
    "authorization/decision/builder.py Builder._under_way": Ours("what is built now; the queue has a bound"),
    "contract/catalog.py walked_rpcs": CONTRACT,
    "contract/catalog.py xks_rpcs": CONTRACT,
    "contract/field_limits.py _check_of": CONTRACT,
    "contract/field_limits.py checks_of": CONTRACT,
    "parent/all_processes.py AllProcesses._heard_at": PROCESSES,
    "parent/merged_metrics.py MergedMetrics._ended": PROCESSES,
    "parent/merged_metrics.py MergedMetrics._last": PROCESSES,
    "pipeline/alike.py Turn._decided": Ours("items of one turn of a batch, of which there is a bound"),
    "pipeline/batch_records.py BatchRecords._expected": Ours("items of one batch, of which there is a bound"),
    "pipeline/batch_turns.py BatchTurns._accounts": Ours("accounts of principals, of which each has one of `BATCHES_MAX` batches"),
    "pipeline/recent_calls.py RecentCalls._looking": Bounded("LOOKING_MAX", 12, "an account of a principal"),
    "pipeline/telemetry.py Telemetry._durations": CONTRACT,
    "pipeline/telemetry.py Telemetry._outcomes": CONTRACT,
    "pipeline/telemetry.py Telemetry._seconds": CONTRACT,
    "pipeline/throttle.py Throttle._buckets": Bounded("BUCKETS_MAX", 64, "an account of a principal, and a class"),
    "pipeline/unauthenticated.py Unauthenticated._seen": Bounded("ADDRESSES_PER_SECOND_MAX", 45),
    "pipeline/validate.py Validate._context_fields": CONTRACT,
    "replication/change_rate.py ChangeRate._buckets": Bounded("BUCKETS_MAX", 128, "a Region of the settings, an account and a key id"),
    "replication/change_rate.py ChangeRate._refused": REGIONS,
    "replication/change_rate.py ChangeRate._told_at": REGIONS,
    "replication/compare.py Compare._left_at": REGIONS,
    "replication/silent_regions.py Silence._silent": REGIONS,
    "replication/silent_regions.py Silence._slow": REGIONS,
    "replication/silent_regions.py Silence._waited_until": REGIONS,
    "replication/await_handover.py AwaitRole._asked": Bounded("ASKED_MAX", 64, "a key that is here"),
    "replication/verify_peer.py KeptStates._states": Bounded("KEPT_BYTES_MAX", 32, "a digest"),
    "transport/aws_json/app.py _date": Ours("seconds of our clock"),
    "transport/aws_json/codec.py _members": CONTRACT,
    "transport/caller_connections.py _owned_by": Bounded("OWNERS_KEPT", ARN),
    "transport/connection_shares.py ConnectionShares._closed": CONNECTIONS,
    "transport/connection_shares.py ConnectionShares._counts": Ours("shares of open connections, one to two each"),
    "transport/connection_shares.py ConnectionShares._owned": CONNECTIONS,
    "transport/envoy/arrival.py _read": Bounded("CERTIFICATES_KEPT", 16 * 1024, "a client certificate as Envoy shows it"),
    "transport/envoy/arriving.py Arriving._given_up": Ours("requests that gave way, until they end"),
    "transport/envoy/arriving.py Arriving._held": Ours("requests that arrive; the oldest gives way beyond the bytes of the budget"),
    "transport/envoy/departures.py Departures._open": Ours("calls that are answered now"),
    "transport/grpc_health.py GrpcHealth._watches": Ours("watches that are open, `WATCHES_MAX` of them"),
    "transport/error_table.py _throttled": Bounded("THROTTLED_KEPT", 32, "seconds to wait"),
    "transport/grpc_interceptor.py CallInterceptor._wrapped": CONTRACT,
    "transport/http1/head.py HeadLines._headers": Ours("one head, whose size is bounded"),
    "transport/http1/owners.py Owners._bytes": Ours("callers, while a body of theirs is arriving"),
    "transport/http1/owners.py Owners._counts": Ours("callers of the connections that are open"),
    "transport/http1/owners.py Owners._owner": Ours("connections that are open"),
    "transport/http1/server.py HttpServer._arriving": CONNECTIONS,
    "transport/http1/server.py HttpServer._open": CONNECTIONS,
    "transport/http1/server.py HttpServer._unproven": CONNECTIONS,
    "transport/peer_certificates.py PeerCertificates._wrapped": CONTRACT,
    "transport/peer_rate.py PeerCallsAtOnce._in_hand": REGIONS,
    "transport/peer_rate.py PeerRate._buckets": REGIONS,
    "transport/under_way.py CallsUnderWay.open": Ours("calls that are answered now"),
    "transport/open_sockets.py far_end": Bounded("FAR_ENDS_KEPT", 300, "the far end of a connection, as gRPC names it"),
    "transport/unread_messages.py Caller.calls": Ours("calls whose message is arriving; the newest is refused beyond `CALLER_MAX`"),
    "transport/unread_messages.py UnreadMessages._callers": Ours("principals, while a message of theirs is arriving"),
    "transport/unread_messages.py UnreadMessages._ended": Ours("calls whose message is waited for no more, until they end"),
    "transport/unread_messages.py UnreadMessages._since": Ours("calls whose message is arriving; one has to go beyond `ALL_MAX`"),
    "workers/key_stores.py KeyStoreWorker._attempts": Bounded("AT_ONCE", 64, "ids of account and store"),
    "workers/certificate_expiry.py CertificateExpiry._warned": Ours("our certificates"),
    "workers/operator_words.py MembershipWorker._left_at": Ours("words of the operator, about Regions of the settings"),
    "workers/outbox.py OutboxWorker._out_of_reach": REGIONS,
    "workers/outbox_backlog.py OutboxBacklog._found": Ours("Regions that something waits for"),
    "pipeline/authorize.py Authorize._made": Ours("two effects of six layers"),
    "workers/outbox.py OutboxWorker._waiting": REGIONS,
    "bootstrap/listeners.py Listeners._grpc": Ours("listeners of the settings"),
    "workers/periodic.py Supervisor._standings": Ours("jobs of the process"),
    "workers/periodic.py Supervisor._to_the_end": Ours("jobs of the process"),
    "workers/periodic.py Supervisor._tasks": Ours("jobs of the process"),
    "workers/set_aside.py SetAside._rows": Bounded("ROWS_MAX", ARN),
    "workers/last_usage.py LastUsage._noted": Ours("keys that are here, used since the last writing"),
}
