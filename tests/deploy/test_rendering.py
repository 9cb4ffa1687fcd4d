"""What the chart makes: no pod is looser than restricted, what cannot work is refused, all is current."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from deploy_objects import CHART, DEPLOY, ROOT, Object, ToolFault, by_name, installed, objects_in, rendered, run, tool
from tests.deploy.pods import chart, settings_of

from meridian.adapters.principals_file import FilePrincipals
from meridian.settings_rules import LISTENERS

VARIANTS = {
    "default": (),
    **{path.stem: ("--values", str(path)) for path in (CHART / "ci").glob("*.yaml")},
    **{path.parent.name: ("--values", str(path)) for path in (DEPLOY / "regions").glob("*/values.yaml")},
}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["settings.limits.drain_pause_second=1"], "drain_pause_second"),
        (["settings.grpc.bearer_tokens=perhaps"], "bearer_tokens"),
        (["settings.region=Frankfurt"], "region"),
        (["setting.region=eu-west-1"], "setting"),
        (["workload=DaemonSet"], "workload"),
        (["database.kind=sqlite"], "workload"),
        (["audit.volume=emptyDir"], "audit.volume"),
        (["preStopSeconds=30"], "terminationGracePeriodSeconds"),
        (["settings.limits.drain_pause_seconds=20"], "terminationGracePeriodSeconds"),
        (["settings.xks.tls.certificate=c", "settings.xks.tls.private_key=k"], "xks.enabled"),
        (["aws.enabled=false", "settings.aws.connections=64"], "aws.enabled"),
        (["seals[0].provider=pkcs11", "seals[0].secret=s", "seals[0].key=pin"], "keyLabel"),
        (["seals[0].provider=file", "seals[0].secret=s", "seals[0].key=seal", "seals[0].token=t"], "token"),
        (["settings.console.origin=https://kms.example.com"], "console.enabled"),
        (["console.enabled=true"], "settings.console.origin"),
        (["xks.enabled=true"], "tls.xks.dnsNames"),
        (["xks.enabled=true", "tls.source=csi"], "tls.xks.dnsNames"),
        (["xks.enabled=true", "tls.source=secret", "xks.clientNames={cks.example.com}"], "xks.clientAuthority"),
        (["workload=StatefulSet", "database.kind=sqlite", "migration.command=restored"], "migration.command restored"),
        (["autoscaling.minReplicas=12"], "autoscaling.minReplicas"),
        (["autoscaling.cpuPercent=0"], "cpuPercent"),
        (["autoscaling.cpuPercent=101"], "cpuPercent"),
        (["podDisruptionBudget.maxUnavailable=0"], "maxUnavailable"),
        (["podDisruptionBudget.maxUnavailable=half"], "maxUnavailable"),
        (["audit.size=20 Gi"], "size"),
        (["resources.limits.memory=1 GB"], "memory"),
        (["networkPolicy.kubelet={10.0.0.0}"], "kubelet"),
        (["service.peerSourceRanges={everywhere}"], "peerSourceRanges"),
        (["policies.a/b=x"], "a/b"),
        (["policies.a\\.txt=x"], "a.txt"),
        (["deniedSpiffeIds={a b}"], "deniedSpiffeIds"),
        (["settings.grpc.listen=0.0.0.0:9443"], "settings.grpc.listen"),
        (["settings.admin.listen=127.0.0.1:8081"], "settings.admin.listen"),
        (["settings.replica=one"], "settings.replica"),
        (["settings.replica_file=/tmp/name"], "settings.replica_file"),
        (["workload=StatefulSet", "audit.existingClaim=mine"], "audit.existingClaim"),
        (["database.url=postgresql://meridian:sesame@postgresql/meridian"], "database.url"),
        (["database.url=postgresql://meridian@postgresql/meridian?password=sesame"], "database.url"),
        (["settings.database=postgresql://meridian:sesame@postgresql/meridian"], "settings.database"),
        (["networkPolicy.egress[0].ports[0].port=443"], "networkPolicy.egress"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_applied(options: list[str], named: str) -> None:
    with pytest.raises(ToolFault, match=named):
        chart(*(word for option in options for word in ("--set", option)))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ('networkPolicy={"database":{"to":[]}}', "database"),
        ('networkPolicy={"database":{"to":[{}]}}', "database"),
        ('networkPolicy={"clients":[{}]}', "clients"),
        ('networkPolicy={"egress":[{"to":[],"ports":[{"port":443}]}]}', "networkPolicy.egress"),
    ],
)
def test_a_rule_for_everybody_is_refused(values: str, named: str) -> None:
    with pytest.raises(ToolFault, match=named):
        chart("--set-json", values)


def test_policies_that_no_config_map_holds_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"policies": {f"{number}.cedar": "// " + "x" * 400_000 for number in range(3)}}))
    with pytest.raises(ToolFault, match="policies: are more than"):
        chart("--values", str(file))


def test_texts_of_the_values_arrive_as_they_are(tmp_path: Path) -> None:
    texts = {"a.cedar": "  // indented\n\t// a tab\n// \u2028 a separator\n", "b.cedar": "\n\n// late", "0.cedar": "// a number's name"}
    denied = ["spiffe://a.example/'x", 'spiffe://a.example/"#y']
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"policies": texts, "deniedSpiffeIds": denied}))
    objects = chart("--values", str(file))
    assert objects["ConfigMap", "meridian-policies"]["data"] == texts
    lines = objects["ConfigMap", "meridian-identities"]["data"]["denied-spiffe-ids"].splitlines()
    assert [line for line in lines if not line.startswith("#") and line] == denied


def test_whom_tokens_name_arrives_as_a_region_reads_it(tmp_path: Path) -> None:
    issuer, claims = "https://idp.example.com", {"sub": "ci/{repo}", "kubernetes.io": {"namespace": "shop"}, "ok": True}
    trusted = [{"issuer": issuer, "claims": {"sub": "deployer"}}]
    values = {
        "issuers": [{"issuer": issuer, "audiences": ["kms"], "algorithms": ["ES256"], "life_seconds_max": 900}],
        "tokenRules": [{"issuer": issuer, "claims": claims, "kind": "Service", "account": "111122223333", "name": "{repo}"}],
        "roles": [{"account": "111122223333", "name": "deploy", "trusted": trusted}],
    }
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    text = chart("--values", str(file))["ConfigMap", "meridian-identities"]["data"]["principals.toml"]
    place = tmp_path / "principals.toml"
    mapping = FilePrincipals.parse(text.encode(), place, tmp_path, partition="aws", org_units={}).mapping
    assert mapping.issuers[issuer].life_seconds_max == 900
    told = {"iss": issuer, "sub": "ci/cart", "kubernetes.io": {"namespace": "shop"}, "ok": True, "iat": 1, "exp": 2}
    named = mapping.principal_of(told)
    assert named is not None
    assert named.arn == "arn:aws:iam::111122223333:service/cart"
    assert mapping.roles["arn:aws:iam::111122223333:role/deploy"].trusts({"iss": issuer, "sub": "deployer"})


def test_pods_ship_for_ended_ones_where_their_logs_share_a_volume() -> None:
    shipped = ("--set", "settings.audit.s3.bucket=example-audit")
    for options, expected in ((shipped, "/var/lib/meridian/replicas"), ((), None), ((*shipped, "--set", "workload=StatefulSet"), None)):
        objects = chart(*options)
        (workload,) = [each for each in objects.values() if each["kind"] in ("Deployment", "StatefulSet")]
        mounts = workload["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert settings_of(objects)["audit"].get("replicas") == expected
        assert ("/var/lib/meridian/replicas" in {each["mountPath"] for each in mounts}) is (expected is not None)


def test_what_makes_a_region_on_sqlite_sees_the_log_of_an_earlier_one() -> None:
    objects = chart("--values", str(CHART / "ci" / "sqlite-values.yaml"))
    (made,) = objects["StatefulSet", "meridian"]["spec"]["template"]["spec"]["initContainers"]
    assert {"name": "audit", "mountPath": "/var/lib/meridian/audit"} in made["volumeMounts"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_pod_is_restricted(variant: str) -> None:
    """Pod Security Standards, `restricted`, and beyond them a root that nobody writes to."""
    objects = chart(*VARIANTS[variant])
    specs = [each["spec"] for each in objects.values() if each["kind"] == "Pod"]
    specs += [each["spec"]["template"]["spec"] for each in objects.values() if each["kind"] in ("Deployment", "StatefulSet", "Job")]
    assert len(specs) >= 2
    for spec in specs:
        assert spec["automountServiceAccountToken"] is False
        pod = spec["securityContext"]
        assert (pod["runAsNonRoot"], pod["runAsUser"], pod["seccompProfile"]) == (True, 65532, {"type": "RuntimeDefault"})
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not [each for each in spec["volumes"] if "hostPath" in each]
        assert {each["secret"]["defaultMode"] for each in spec["volumes"] if "secret" in each} <= {0o400}
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"] == {"memory": "1Gi"}
            written = [each["name"] for each in container["volumeMounts"] if not each.get("readOnly")]
            assert set(written) <= {"tmp", "audit", "data"}
            names = {each["name"] for each in spec["volumes"]} | {"audit", "data"}
            assert {each["name"] for each in container["volumeMounts"]} <= names


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_secret_is_in_an_object_or_an_environment(variant: str) -> None:
    objects = chart(*VARIANTS[variant])
    assert "Secret" not in {kind for kind, _ in objects}
    text = json.dumps(list(objects.values()))
    assert "secretKeyRef" not in text
    assert not re.search(r"postgresql://[^@/\"]*:[^@/\"]*@", text)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_selected_is_there_and_every_port_has_a_name_that_a_container_has(variant: str) -> None:
    objects = chart(*VARIANTS[variant])
    (workload,) = [each for each in objects.values() if each["kind"] in ("Deployment", "StatefulSet")]
    template = workload["spec"]["template"]
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    shown = {**ports, "xks": 443}  # the one port that AWS KMS connects to
    for (kind, name), each in objects.items():
        if kind == "Service":
            assert each["spec"]["selector"].items() <= template["metadata"]["labels"].items(), name
            assert {port["targetPort"]: port["port"] for port in each["spec"]["ports"]}.items() <= shown.items(), name
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= set(ports), name
    policy = objects["NetworkPolicy", "meridian"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    opened = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
    assert opened <= set(ports.values())
    assert all(rule.get("from") for rule in policy["ingress"]), "no rule is for everybody"
    assert (ports["peer"] in opened) is variant.endswith("-1"), "the peer port is for other Regions alone"
    claims = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
    volumes = {each["name"] for each in template["spec"]["volumes"]} | claims
    assert {each["name"] for each in template["spec"]["containers"][0]["volumeMounts"]} <= volumes


LISTENING = {
    "xks": ("--values", str(CHART / "ci" / "xks-values.yaml")),
    "console": ("--values", str(CHART / "ci" / "console-values.yaml")),
    "peer": ("--values", str(DEPLOY / "regions" / "us-east-1" / "values.yaml")),
}
"""Of listeners that nobody gets to by the default values: values by which somebody does."""


@pytest.mark.parametrize("listener", LISTENERS)
def test_every_listener_has_a_service_and_lets_somebody_in(listener: str) -> None:
    objects = chart(*LISTENING.get(listener, ()))
    (workload,) = [each for each in objects.values() if each["kind"] == "Deployment"]
    ports = {each["name"]: each["containerPort"] for each in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}
    listened = settings_of(objects)[listener]["listen"]
    assert listened == f"0.0.0.0:{ports[listener]}"
    services = [each for (kind, _), each in objects.items() if kind == "Service"]
    assert listener in {port["targetPort"] for each in services for port in each["spec"]["ports"]}
    rules = objects["NetworkPolicy", "meridian"]["spec"]["ingress"]
    assert ports[listener] in {port["port"] for rule in rules for port in rule["ports"]}


def test_the_listener_for_another_kms_is_off_unless_it_is_wanted() -> None:
    assert "xks" not in json.dumps(list(chart().values()))
    objects = chart(*LISTENING["xks"])
    rules = objects["NetworkPolicy", "meridian"]["spec"]["ingress"]
    (rule,) = [each for each in rules if each["ports"] == [{"protocol": "TCP", "port": 8446}]]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.20.0.0/16"}}]
    service = objects["Service", "meridian-xks"]["spec"]
    assert (service["type"], service["loadBalancerSourceRanges"]) == ("LoadBalancer", ["10.20.0.0/16"])
    assert "xks" not in {port["name"] for port in objects["Service", "meridian"]["spec"]["ports"]}, "callers get to no such port"


def test_a_token_is_reached_where_pods_serve_and_where_a_migration_opens_the_seal() -> None:
    objects = chart("--values", str(CHART / "ci" / "token-values.yaml"))
    for kind, name in (("Deployment", "meridian"), ("Job", "meridian-migrate")):
        spec = objects[kind, name]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert {"name": "TOKEN_CONF", "value": "/etc/token/token.conf"} in container["env"]
        assert {"/opt/token", "/etc/token"} <= {each["mountPath"] for each in container["volumeMounts"]}
        assert {"token-library", "token-settings"} <= {each["name"] for each in spec["volumes"]}
        ports = {port["port"] for rule in objects["NetworkPolicy", name]["spec"]["egress"] for port in rule["ports"]}
        assert 1792 in ports
        settings = settings_of(objects, "meridian-settings" if kind == "Deployment" else name)
        assert settings["seals"][0] == {
            "provider": "pkcs11", "module": "/opt/token/libtoken.so", "token": "hsm-a", "key": "meridian-seal",
            "pin_file": "/etc/meridian/seals/0/pin",
        }  # fmt: skip
    assert "--allow-file-seal" not in objects["Deployment", "meridian"]["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_changed_setting_is_a_rollout_and_a_changed_policy_or_principal_is_none() -> None:
    def template(*options: str) -> Object:
        found: Object = chart(*options)["Deployment", "meridian"]["spec"]["template"]
        return found

    assert template("--set", "settings.uvloop=false") != template()
    assert template("--set-json", 'deniedSpiffeIds=["spiffe://a/b"]') == template()
    assert template("--set-json", 'policies={"a.cedar":"// none"}') == template()


def test_what_is_made_from_the_chart_and_the_code_is_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "deploy.py", "--check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("folder", ["base", "regions/us-east-1", "regions/eu-west-1"])
def test_kustomize_makes_the_objects_of_the_chart(folder: str) -> None:
    kubectl = tool("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is absent: make deploy-tools")
    region = folder.rpartition("/")[2]
    namespace = "meridian" if region == "base" else f"meridian-{region}"
    built = by_name(objects_in(run([kubectl, "kustomize", DEPLOY / folder], ROOT)))
    built.pop(("Namespace", namespace), None)
    made = by_name(installed(objects_in(rendered(*VARIANTS.get(region, ()), namespace=namespace))))
    assert set(built) == set(made)
    assert {name for name in built if built[name] != made[name]} == set()
