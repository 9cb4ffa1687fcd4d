{{/* What every pod of the chart has: no root, no capability, no token, nothing to write to but its volumes. */}}
{{- define "meridian.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}{{ end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "meridian.container" -}}
image: {{ include "meridian.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{ toYaml .Values.resources | nindent 2 }}
{{- end -}}

{{- define "meridian.env" -}}
{{- if and (not (include "meridian.sqlite" .)) .Values.database.ca.configMap }}
- {name: PGSSLROOTCERT, value: /etc/meridian/database-ca/{{ .Values.database.ca.key }}}
{{- end }}
{{- with .Values.tokens.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What `region init` and `migrate` need; `serve` needs more. (dict "root" $ "settings" name of the ConfigMap) */}}
{{- define "meridian.migrationVolumes" -}}
- name: settings
  configMap: {name: {{ .settings }}}
- name: pod
  downwardAPI:
    items: [{path: name, fieldRef: {fieldPath: metadata.name}}]
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- range $at, $seal := .root.Values.seals }}
- name: seal-{{ $at }}
  secret: {secretName: {{ $seal.secret }}, defaultMode: 0400, items: [{key: {{ $seal.key }}, path: {{ $seal.key }}}]}
{{- end }}
{{- if not (include "meridian.sqlite" .root) }}
- name: database
  secret: {secretName: {{ .root.Values.database.password.secret }}, defaultMode: 0400, items: [{key: {{ .root.Values.database.password.key }}, path: password}]}
{{- with .root.Values.database.ca.configMap }}
- name: database-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}
{{- with .root.Values.tokens.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meridian.migrationMounts" -}}
- {name: settings, mountPath: /etc/meridian/settings, readOnly: true}
- {name: pod, mountPath: /etc/meridian/pod, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- range $at, $seal := .Values.seals }}
- {name: seal-{{ $at }}, mountPath: /etc/meridian/seals/{{ $at }}, readOnly: true}
{{- end }}
{{- if include "meridian.sqlite" . }}
- {name: data, mountPath: /var/lib/meridian/data}
{{- else }}
- {name: database, mountPath: /etc/meridian/database, readOnly: true}
{{- if .Values.database.ca.configMap }}
- {name: database-ca, mountPath: /etc/meridian/database-ca, readOnly: true}
{{- end }}
{{- end }}
{{- with .Values.tokens.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meridian.migrationArgs" -}}
{{- $command := eq .Values.migration.command "auto" | ternary (.Release.IsUpgrade | ternary "migrate" "init") .Values.migration.command -}}
[{{ get (dict "init" "region, init" "migrate" "migrate" "restored" "region, restored") $command }}, --config, /etc/meridian/settings/region.toml]
{{- end -}}

{{- define "meridian.volumes" -}}
{{- $name := include "meridian.name" . -}}
{{ include "meridian.migrationVolumes" (dict "root" . "settings" (printf "%s-settings" $name)) }}
- name: policies
  configMap: {name: {{ .Values.policiesConfigMap | default (printf "%s-policies" $name) }}}
- name: identities
  configMap: {name: {{ $name }}-identities}
{{- with .Values.accessKeys.secret }}
- name: access-keys
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- range $listener := include "meridian.tlsListeners" . | fromYamlArray }}
- name: tls-{{ $listener }}
{{- if eq $.Values.tls.source "csi" }}
{{ include "meridian.csi" (dict "root" $ "listener" $listener) | indent 2 }}
{{- else }}
  secret: {secretName: {{ (get $.Values.tls $listener).secret }}, defaultMode: 0400}
{{- end }}
{{- end }}
{{- if include "meridian.xksAuthority" . }}
- name: xks-clients
  configMap: {name: {{ .Values.xks.clientAuthority.configMap }}}
{{- end }}
{{- if eq .Values.workload "Deployment" }}
- name: audit
{{- if eq .Values.audit.volume "emptyDir" }}
  emptyDir: {sizeLimit: {{ .Values.audit.size }}}
{{- else }}
  persistentVolumeClaim: {claimName: {{ .Values.audit.existingClaim | default (printf "%s-audit" $name) }}}
{{- end }}
{{- else if eq .Values.audit.volume "emptyDir" }}
- name: audit
  emptyDir: {sizeLimit: {{ .Values.audit.size }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meridian.mounts" -}}
{{ include "meridian.migrationMounts" . }}
- {name: policies, mountPath: /etc/meridian/policies, readOnly: true}
- {name: identities, mountPath: /etc/meridian/identities, readOnly: true}
{{- if .Values.accessKeys.secret }}
- {name: access-keys, mountPath: /etc/meridian/access-keys, readOnly: true}
{{- end }}
{{- range $listener := include "meridian.tlsListeners" . | fromYamlArray }}
- {name: tls-{{ $listener }}, mountPath: /etc/meridian/tls/{{ $listener }}, readOnly: true}
{{- end }}
{{- if include "meridian.xksAuthority" . }}
- {name: xks-clients, mountPath: /etc/meridian/xks-clients, readOnly: true}
{{- end }}
{{- if and (eq .Values.workload "Deployment") (eq .Values.audit.volume "claim") }}
- {name: audit, mountPath: /var/lib/meridian/audit, subPathExpr: $(POD_NAME)}
{{- else }}
- {name: audit, mountPath: /var/lib/meridian/audit}
{{- end }}
{{- if include "meridian.replicas" . }}
- {name: audit, mountPath: /var/lib/meridian/replicas}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meridian.probe" -}}
httpGet: {path: {{ .path }}, port: admin}
timeoutSeconds: {{ .timeout }}
periodSeconds: {{ .period }}
failureThreshold: {{ .failures }}
{{- end -}}

{{- define "meridian.pod" -}}
{{- $name := include "meridian.name" . -}}
metadata:
  labels: {{ include "meridian.labels" . | nindent 4 }}
{{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    kubectl.kubernetes.io/default-container: meridian
    # Settings are read once: other ones are a rollout. Policies, principals and certificates are taken by running pods.
    meridian.dev/settings: {{ include "meridian.settings" . | sha256sum }}
{{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ $name }}
{{ include "meridian.podSecurity" . | indent 2 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
{{- end }}
  topologySpreadConstraints:
{{- range $key, $when := dict "topology.kubernetes.io/zone" "ScheduleAnyway" "kubernetes.io/hostname" "ScheduleAnyway" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $when }}
      labelSelector: {matchLabels: {{ include "meridian.selector" $ | fromYaml | toJson }}}
{{- end }}
{{- if include "meridian.sqlite" . }}
  initContainers:
    - name: migrate
      args: {{ include "meridian.migrationArgs" . }}
{{ include "meridian.container" . | indent 6 }}
{{- with .Values.tokens.env }}
      env: {{ toYaml . | nindent 8 }}
{{- end }}
      volumeMounts: {{ include "meridian.migrationMounts" . | nindent 8 }}
        # It refuses to make a Region where a log of another lies.
        - {name: audit, mountPath: /var/lib/meridian/audit}
{{- end }}
  containers:
    - name: meridian
      args: [serve, --config, /etc/meridian/settings/region.toml, --processes, "1"{{ range .Values.seals }}{{ if eq .provider "file" }}, --allow-file-seal{{ break }}{{ end }}{{ end }}]
{{ include "meridian.container" . | indent 6 }}
      env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- include "meridian.env" . | indent 8 }}
{{- with .Values.env }}
{{ toYaml . | indent 8 }}
{{- end }}
      ports:
{{- range $port, $number := include "meridian.ports" . | fromYaml }}
{{- if or (ne $port "aws") $.Values.aws.enabled }}
        - {name: {{ $port }}, containerPort: {{ $number }}, protocol: TCP}
{{- end }}
{{- end }}
      startupProbe: {{ include "meridian.probe" (dict "path" "/livez" "timeout" 3 "period" 2 "failures" (div .Values.startupSeconds 2)) | nindent 8 }}
      livenessProbe: {{ include "meridian.probe" (dict "path" "/livez" "timeout" 5 "period" 10 "failures" 3) | nindent 8 }}
      readinessProbe: {{ include "meridian.probe" (dict "path" "/readyz" "timeout" 2 "period" 2 "failures" 1) | nindent 8 }}
      lifecycle:
        preStop: {sleep: {seconds: {{ .Values.preStopSeconds }}}}
      volumeMounts: {{ include "meridian.mounts" . | nindent 8 }}
  volumes: {{ include "meridian.volumes" . | nindent 4 }}
{{- end -}}
