{{/* What the chart derives; .Values.settings wins. */}}
{{- define "meridian.derived" -}}
{{- $ports := include "meridian.ports" . | fromYaml -}}
replica_file: /etc/meridian/pod/name
{{- if include "meridian.sqlite" . }}
database: sqlite:////var/lib/meridian/data/region.sqlite3
{{- else }}
database: {{ printf "%s%spassword_file=/etc/meridian/database/password" .Values.database.url (contains "?" .Values.database.url | ternary "&" "?") | quote }}
{{- end }}
policies: /etc/meridian/policies
principals: /etc/meridian/identities/principals.toml
denied_spiffe_ids: /etc/meridian/identities/denied-spiffe-ids
grpc:
  listen: 0.0.0.0:{{ $ports.grpc }}
  tls: {certificate: /etc/meridian/tls/grpc/tls.crt, private_key: /etc/meridian/tls/grpc/tls.key, client_ca: /etc/meridian/tls/grpc/ca.crt}
peer:
  listen: 0.0.0.0:{{ $ports.peer }}
  tls: {certificate: /etc/meridian/tls/peer/tls.crt, private_key: /etc/meridian/tls/peer/tls.key, client_ca: /etc/meridian/tls/peer/ca.crt}
admin:
  listen: 0.0.0.0:{{ $ports.admin }}
{{- if .Values.aws.enabled }}
aws:
  listen: 0.0.0.0:{{ $ports.aws }}
  tls: {certificate: /etc/meridian/tls/grpc/tls.crt, private_key: /etc/meridian/tls/grpc/tls.key}
{{- end }}
{{- if .Values.xks.enabled }}
xks:
  listen: 0.0.0.0:{{ $ports.xks }}
  tls:
    certificate: /etc/meridian/tls/xks/tls.crt
    private_key: /etc/meridian/tls/xks/tls.key
{{- if include "meridian.xksAuthority" . }}
    client_ca: /etc/meridian/xks-clients/{{ .Values.xks.clientAuthority.key }}
{{- with .Values.xks.clientNames }}
    client_names: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.console.enabled }}
console:
  listen: 0.0.0.0:{{ $ports.console }}
  tls: {certificate: /etc/meridian/tls/grpc/tls.crt, private_key: /etc/meridian/tls/grpc/tls.key, client_ca: /etc/meridian/tls/grpc/ca.crt}
{{- end }}
audit:
  directory: /var/lib/meridian/audit/log
{{- if include "meridian.replicas" . }}
  replicas: /var/lib/meridian/replicas
{{- end }}
seals:
{{- range $at, $seal := .Values.seals }}
  - provider: {{ $seal.provider }}
{{- if eq $seal.provider "pkcs11" }}
    module: {{ $seal.module | quote }}
    token: {{ $seal.token | quote }}
    key: {{ $seal.keyLabel | quote }}
    pin_file: /etc/meridian/seals/{{ $at }}/{{ $seal.key }}
{{- else }}
    {{ eq $seal.provider "file" | ternary "path" "passphrase_file" }}: /etc/meridian/seals/{{ $at }}/{{ $seal.key }}
{{- end }}
{{- with $seal.costs }}
{{ toYaml . | indent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether clients of the listener for another KMS must show a certificate. */}}
{{- define "meridian.xksAuthority" -}}{{ if and .Values.xks.enabled .Values.xks.clientAuthority.configMap }}yes{{ end }}{{- end -}}

{{/* Whether pods ship what others that ended left on the one volume of the audit log. */}}
{{- define "meridian.replicas" -}}
{{- $audit := .Values.settings.audit | default dict -}}
{{- if and (eq .Values.workload "Deployment") (eq .Values.audit.volume "claim") (or $audit.otlp $audit.s3) }}yes{{ end -}}
{{- end -}}

{{- define "meridian.settings" -}}
{{- $all := mergeOverwrite (include "meridian.derived" . | fromYaml) (deepCopy .Values.settings) -}}
{{- if hasKey .Values.settings "replica" }}{{ $_ := unset $all "replica_file" }}{{ end -}}
{{ include "meridian.table" (dict "name" "" "table" $all) | trimPrefix "\n" }}
{{- end -}}

{{/* A TOML table (dict "name" dotted-or-empty "table" values): plain values first, then tables and lists of tables, by name. */}}
{{- define "meridian.table" -}}
{{- $name := .name -}}
{{- $table := .table -}}
{{- range $key := keys $table | sortAlpha }}{{ $value := get $table $key }}
{{- if not (or (kindIs "map" $value) (include "meridian.ofTables" $value) (kindIs "invalid" $value)) }}
{{ include "meridian.key" $key }} = {{ include "meridian.value" $value }}
{{- end }}{{ end }}
{{- range $key := keys $table | sortAlpha }}{{ $value := get $table $key }}
{{- $path := printf "%s%s" (empty $name | ternary "" (printf "%s." $name)) (include "meridian.key" $key) }}
{{- if kindIs "map" $value }}

[{{ $path }}]
{{- include "meridian.table" (dict "name" $path "table" $value) }}
{{- else if include "meridian.ofTables" $value }}
{{- range $value }}

[[{{ $path }}]]
{{- include "meridian.table" (dict "name" $path "table" .) }}
{{- end }}{{ end }}{{ end }}
{{- end -}}

{{- define "meridian.ofTables" -}}
{{- if kindIs "slice" . }}{{ if . }}{{ if kindIs "map" (first .) }}yes{{ end }}{{ end }}{{ end }}
{{- end -}}

{{- define "meridian.key" -}}{{ if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toRawJson . }}{{ end }}{{- end -}}

{{/* Texts, numbers and truth values are the same in JSON and TOML, but that whole numbers must not become floating ones. */}}
{{- define "meridian.value" -}}
{{- if kindIs "slice" . -}}
[{{ range $at, $each := . }}{{ if $at }}, {{ end }}{{ include "meridian.value" $each }}{{ end }}]
{{- else if and (kindIs "float64" .) (eq (float64 (int64 .)) (float64 .)) -}}
{{ int64 . }}
{{- else -}}
{{ toRawJson . }}
{{- end -}}
{{- end -}}

{{- define "meridian.principals" -}}
{{- $tables := dict "principals" .Values.principals -}}
{{- range $name, $value := dict "issuers" .Values.issuers "token_rules" .Values.tokenRules "roles" .Values.roles }}{{ if $value }}{{ $_ := set $tables $name $value }}{{ end }}{{ end -}}
{{- include "meridian.table" (dict "name" "" "table" $tables) | trimPrefix "\n" | trimPrefix "\n" }}
{{- end -}}

{{/* What cannot work together is refused before anything is applied. */}}
{{- define "meridian.refusals" -}}
{{- if and (include "meridian.sqlite" .) (ne .Values.workload "StatefulSet") }}{{ fail "database.kind sqlite: one process owns the file: set workload to StatefulSet" }}{{ end -}}
{{- if eq .Values.audit.volume "emptyDir" }}{{ $audit := .Values.settings.audit | default dict }}
{{- if not (or $audit.stdout $audit.otlp $audit.s3) }}{{ fail "audit.volume emptyDir: the log would be gone with the pod: ship it by settings.audit.stdout, otlp or s3, or use a claim" }}{{ end }}{{ end -}}
{{- if and .Values.settings.aws (not .Values.aws.enabled) }}{{ fail "settings.aws: the listener would have no Service and no rule that lets anybody in: set aws.enabled" }}{{ end -}}
{{- if and .Values.settings.xks (not .Values.xks.enabled) }}{{ fail "settings.xks: the listener would have no Service and no rule that lets anybody in: set xks.enabled" }}{{ end -}}
{{- if and .Values.settings.console (not .Values.console.enabled) }}{{ fail "settings.console: the listener would have no Service and no rule that lets anybody in: set console.enabled" }}{{ end -}}
{{- if and .Values.console.enabled (not (.Values.settings.console | default dict).origin) }}{{ fail "settings.console.origin: where browsers find the console: give it" }}{{ end -}}
{{- if and .Values.xks.enabled (ne .Values.tls.source "secret") (not .Values.tls.xks.dnsNames) }}{{ fail "tls.xks.dnsNames: the other KMS checks the name of the host in the certificate: give it" }}{{ end -}}
{{- if and .Values.xks.clientNames (not .Values.xks.clientAuthority.configMap) }}{{ fail "xks.clientNames: names are read in certificates of xks.clientAuthority: give its configMap" }}{{ end -}}
{{- if and .Values.audit.existingClaim (ne .Values.workload "Deployment") }}{{ fail "audit.existingClaim: each pod of a StatefulSet has a claim of its own: leave it out, or set workload to Deployment" }}{{ end -}}
{{- if and .Values.audit.existingClaim (ne .Values.audit.volume "claim") }}{{ fail "audit.existingClaim: is for audit.volume claim" }}{{ end -}}
{{- if and (include "meridian.sqlite" .) (eq .Values.migration.command "restored") }}{{ fail "migration.command restored: runs at each start of a pod on SQLite, and meridian restore has said it: leave it out" }}{{ end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}{{ fail "autoscaling.minReplicas: must not be above autoscaling.maxReplicas" }}{{ end -}}
{{- if and (hasKey .Values.settings "replica") (not (include "meridian.sqlite" .)) }}{{ fail "settings.replica: every pod would have this one name: each has its own, leave it out" }}{{ end -}}
{{- if and (hasKey .Values.settings "replica_file") (ne (toString .Values.settings.replica_file) "/etc/meridian/pod/name") }}{{ fail "settings.replica_file: the chart writes each pod's name into /etc/meridian/pod/name: leave it out" }}{{ end -}}
{{- $ports := include "meridian.ports" . | fromYaml -}}
{{- range $listener, $port := $ports }}
{{- $listen := toString (dig $listener "listen" "" $.Values.settings) -}}
{{- if and $listen (not (has $listen (list (printf "0.0.0.0:%v" $port) (printf "[::]:%v" $port)))) }}{{ fail (printf "settings.%s.listen: Services, probes and network policies go to port %v of every address: leave it out, or give [::]:%v" $listener $port $port) }}{{ end -}}
{{- end }}
{{- range $where, $url := dict "database.url" .Values.database.url "settings.database" (.Values.settings.database | default "") }}
{{- if or (regexMatch "^[^/?]*//[^/?@]*:[^/?]*@" $url) (regexMatch "[?&](password|passwd|sslpassword)=" $url) }}{{ fail (printf "%s: a password would stand in a ConfigMap: leave it out, and name its Secret in database.password" $where) }}{{ end -}}
{{- end }}
{{- $size := 0 }}{{ range $file, $text := .Values.policies }}{{ $size = add $size (len $file) (len $text) }}{{ end -}}
{{- if gt (int $size) 1000000 }}{{ fail "policies: are more than 1,000,000 bytes, and a ConfigMap holds 1 MiB: put them into ConfigMaps of your own, or fewer in all" }}{{ end -}}
{{- range $name, $rules := .Values.networkPolicy }}{{ if kindIs "slice" $rules }}{{ range $rule := $rules }}
{{- if kindIs "map" $rule }}{{ if or (not $rule) (and (has $name (list "egress" "tokens")) (not $rule.to)) }}{{ fail (printf "networkPolicy.%s: an empty rule, or one without `to`, is for everybody: name who is meant" $name) }}{{ end }}{{ end -}}
{{- end }}{{ end }}{{ end -}}
{{- if and .Values.networkPolicy.enabled (not (include "meridian.sqlite" .)) (not .Values.networkPolicy.database.to) }}{{ fail "networkPolicy.database.to: an empty list is for everybody: name where the database is" }}{{ end -}}
{{- range .Values.networkPolicy.database.to }}{{ if not . }}{{ fail "networkPolicy.database.to: an empty peer is for everybody: name where the database is" }}{{ end }}{{ end -}}
{{- $pause := dig "limits" "drain_pause_seconds" 5 .Values.settings | float64 -}}
{{- if lt (float64 .Values.terminationGracePeriodSeconds) (addf $pause .Values.preStopSeconds 25) }}{{ fail "terminationGracePeriodSeconds: must be at least preStopSeconds + settings.limits.drain_pause_seconds + 25" }}{{ end -}}
{{- end -}}
