{{- define "stocks.selector" -}}
app.kubernetes.io/name: stocks
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stocks.labels" -}}
{{ include "stocks.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stocks
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "stocks.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* What Pod Security `restricted` asks of a container, and a root file system that can't be written. */}}
{{- define "stocks.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A pod of ours: no token, no root. */}}
{{- define "stocks.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* A container of ours, but for its name, command, variables and resources. */}}
{{- define "stocks.container" -}}
image: {{ include "stocks.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- include "stocks.containerSecurity" . | nindent 2 }}
{{- end }}

{{- define "stocks.providerUrl" -}}
{{- if .Values.provider.url }}{{ .Values.provider.url }}
{{- else if and .Values.sampleApi.enabled (contains "," .Values.source) }}sample=http://sample-api:8089/query
{{- else if .Values.sampleApi.enabled }}http://sample-api:8089/query
{{- end }}
{{- end }}

{{- /* Seconds: some network policies come into force after the pod, and refuse it everything until then. */}}
{{- define "stocks.connectWait" -}}
20
{{- end }}

{{- /* A passing fault (exit code 75) and a pod that is lost are tried again, what is wrong for good is not. Helm takes a
Job away that went well; one that failed, or whose Helm was killed, can be looked at for a day. */}}
{{- define "stocks.jobRetries" -}}
ttlSecondsAfterFinished: 86400
backoffLimit: 8
activeDeadlineSeconds: 600
podFailurePolicy:
  rules:
    - {action: FailJob, onExitCodes: {operator: In, values: [65, 69, 70, 78]}}
{{- end }}
