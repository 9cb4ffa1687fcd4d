{{- define "meridian.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end -}}

{{- define "meridian.selector" -}}
app.kubernetes.io/name: meridian
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "meridian.labels" -}}
{{ include "meridian.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: meridian
{{- end -}}

{{/* (dict "root" $ "component" "…"): labels of what is no pod that serves. */}}
{{- define "meridian.labelsOf" -}}
app.kubernetes.io/name: meridian-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: meridian
{{- end -}}

{{- define "meridian.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "meridian.sqlite" -}}{{ if eq .Values.database.kind "sqlite" }}yes{{ end }}{{- end -}}

{{/* The ports, once. */}}
{{- define "meridian.ports" -}}
grpc: 8443
aws: 8444
peer: 8445
admin: 8081
{{- if .Values.xks.enabled }}
xks: 8446
{{- end }}
{{- if .Values.console.enabled }}
console: 8447
{{- end }}
{{- end -}}

{{/* Listeners that have a certificate of their own. */}}
{{- define "meridian.tlsListeners" -}}
- grpc
- peer
{{- if .Values.xks.enabled }}
- xks
{{- end }}
{{- end -}}

{{- define "meridian.spiffeId" -}}
spiffe://{{ .Values.tls.trustDomain }}/region/{{ .Values.settings.region }}
{{- end -}}

{{/* Of the listeners for callers. */}}
{{- define "meridian.dnsNames" -}}
{{- $name := include "meridian.name" . -}}
{{- range list $name (printf "%s-headless" $name) }}
- {{ . }}
- {{ . }}.{{ $.Release.Namespace }}
- {{ . }}.{{ $.Release.Namespace }}.svc
- {{ . }}.{{ $.Release.Namespace }}.svc.cluster.local
{{- end }}
{{- range .Values.tls.grpc.dnsNames }}
- {{ . | quote }}
{{- end }}
{{- end -}}
