{{/* A certificate for one pod, from cert-manager's CSI driver: the names that a Certificate would have, and a key that stays on the node. */}}
{{- define "meridian.csi" -}}
{{- $tls := .root.Values.tls }}{{ $issuer := (get $tls .listener).issuer -}}
csi:
  driver: {{ $tls.csi.driver }}
  readOnly: true
  volumeAttributes:
    csi.cert-manager.io/issuer-name: {{ $issuer.name }}
    csi.cert-manager.io/issuer-kind: {{ $issuer.kind }}
    csi.cert-manager.io/issuer-group: {{ $issuer.group }}
    csi.cert-manager.io/duration: {{ $tls.csi.duration }}
    csi.cert-manager.io/fs-group: "65532"
    csi.cert-manager.io/key-usages: {{ eq .listener "peer" | ternary "digital signature,server auth,client auth" "digital signature,server auth" | quote }}
{{- if eq .listener "peer" }}
    csi.cert-manager.io/dns-names: {{ .root.Values.settings.region }}.region.meridian.internal
    csi.cert-manager.io/uri-sans: {{ include "meridian.spiffeId" .root }}
{{- else if eq .listener "xks" }}
    csi.cert-manager.io/dns-names: {{ $tls.xks.dnsNames | join "," | quote }}
{{- else }}
    csi.cert-manager.io/dns-names: {{ include "meridian.dnsNames" .root | fromYamlArray | join "," | quote }}
{{- end }}
{{- end -}}
