{{- define "dashboard.selector" -}}
app.kubernetes.io/name: dashboard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dashboard.labels" -}}
{{ include "dashboard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stocks
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "dashboard.name" -}}
{{ .Values.fullnameOverride | default .Release.Name }}
{{- end }}

{{- define "dashboard.image" -}}
{{- with .Values.image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What Pod Security `restricted` asks of a container, and a root file system that can't be written. */}}
{{- define "dashboard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A pod of ours: no token, no root. */}}
{{- define "dashboard.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* The certificates by which the warehouse's is verified, where the chart stocks has them: its URLs name the file. */}}
{{- define "dashboard.caVolume" -}}
{{- with .Values.global.warehouseCA.configMap }}
- name: warehouse-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- with .Values.global.warehouseCA.secret }}
- name: warehouse-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{- define "dashboard.caMount" -}}
{{- if include "dashboard.caVolume" . }}
- {name: warehouse-ca, mountPath: /etc/stocks/warehouse, readOnly: true}
{{- end }}
{{- end }}
