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
audit:
  directory: /var/lib/meridian/audit/log
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
{{- include "meridian.table" (dict "name" "" "table" (dict "principals" .Values.principals)) | trimPrefix "\n" | trimPrefix "\n" }}
{{- end -}}

{{/* What cannot work together is refused before anything is applied. */}}
{{- define "meridian.refusals" -}}
{{- if and (include "meridian.sqlite" .) (ne .Values.workload "StatefulSet") }}{{ fail "database.kind sqlite: one process owns the file: set workload to StatefulSet" }}{{ end -}}
{{- if eq .Values.audit.volume "emptyDir" }}{{ $audit := .Values.settings.audit | default dict }}
{{- if not (or $audit.stdout $audit.otlp $audit.s3) }}{{ fail "audit.volume emptyDir: the log would be gone with the pod: ship it by settings.audit.stdout, otlp or s3, or use a claim" }}{{ end }}{{ end -}}
{{- if and .Values.settings.aws (not .Values.aws.enabled) }}{{ fail "settings.aws: the listener would have no Service and no rule that lets anybody in: set aws.enabled" }}{{ end -}}
{{- if and .Values.settings.xks (not .Values.xks.enabled) }}{{ fail "settings.xks: the listener would have no Service and no rule that lets anybody in: set xks.enabled" }}{{ end -}}
{{- if and .Values.xks.enabled (ne .Values.tls.source "secret") (not .Values.tls.xks.dnsNames) }}{{ fail "tls.xks.dnsNames: the other KMS checks the name of the host in the certificate: give it" }}{{ end -}}
{{- if and .Values.xks.clientNames (not .Values.xks.clientAuthority.configMap) }}{{ fail "xks.clientNames: names are read in certificates of xks.clientAuthority: give its configMap" }}{{ end -}}
{{- $pause := dig "limits" "drain_pause_seconds" 5 .Values.settings | float64 -}}
{{- if lt (float64 .Values.terminationGracePeriodSeconds) (addf $pause .Values.preStopSeconds 25) }}{{ fail "terminationGracePeriodSeconds: must be at least preStopSeconds + settings.limits.drain_pause_seconds + 25" }}{{ end -}}
{{- end -}}
