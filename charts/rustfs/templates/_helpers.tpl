{{- define "rustfs.selector" -}}
app.kubernetes.io/name: rustfs
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rustfs.labels" -}}
{{ include "rustfs.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stocks
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "rustfs.name" -}}
{{ .Values.fullnameOverride | default .Release.Name }}
{{- end }}

{{- define "rustfs.image" -}}
{{- with .Values.image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What Pod Security `restricted` asks of a container, and a root file system that can't be written. */}}
{{- define "rustfs.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "rustfs.secret" -}}
{{ .Values.auth.existingSecret | default "rustfs-root" }}
{{- end }}
