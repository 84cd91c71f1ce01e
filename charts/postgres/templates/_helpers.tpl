{{- define "postgres.selector" -}}
app.kubernetes.io/name: postgres
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "postgres.labels" -}}
{{ include "postgres.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stocks
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "postgres.name" -}}
{{ .Values.fullnameOverride | default .Release.Name }}
{{- end }}

{{- define "postgres.image" -}}
{{- with .Values.image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What Pod Security `restricted` asks of a container, and a root file system that can't be written. */}}
{{- define "postgres.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "postgres.secret" -}}
{{ .Values.auth.existingSecret | default "postgres-superuser" }}
{{- end }}
