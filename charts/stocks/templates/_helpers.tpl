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

{{- define "stocks.registry" -}}
{{- with .Values.image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- end }}

{{- define "stocks.image" -}}
{{ include "stocks.registry" . }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "stocks.dbtImage" -}}
{{ include "stocks.registry" . }}{{ .Values.dbtImage.repository }}:{{ .Values.dbtImage.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* Where a pod may run, and with what its images are pulled: the same words in a pod and in a workflow. */}}
{{- define "stocks.placement" -}}
{{- with .Values.image.pullSecrets | default .Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What is elsewhere, and where it is, must agree with what this release installs. */}}
{{- define "stocks.warehouseHost" -}}
{{- $own := .Values.postgres.fullnameOverride }}
{{- if not .Values.postgres.enabled }}
{{- required "postgres.enabled is false: warehouse.host must say where PostgreSQL is" .Values.warehouse.host }}
{{- else if has .Values.warehouse.host (list "" $own) }}{{ $own }}
{{- else }}
{{- fail (printf "warehouse.host is %s, and this release would install a PostgreSQL of its own: set postgres.enabled=false" .Values.warehouse.host) }}
{{- end }}
{{- end }}

{{- define "stocks.storeEndpoint" -}}
{{- $own := printf "http://%s:9000" .Values.rustfs.fullnameOverride }}
{{- if not .Values.rustfs.enabled }}{{ .Values.store.endpoint }}
{{- else if has .Values.store.endpoint (list "" $own) }}{{ $own }}
{{- else }}
{{- fail (printf "store.endpoint is %s, and this release would install a RustFS of its own: set rustfs.enabled=false" .Values.store.endpoint) }}
{{- end }}
{{- end }}

{{- /* The certificates by which the warehouse's is verified: a volume, where it is mounted, and what libpq is told. */}}
{{- define "stocks.caVolume" -}}
{{- with .Values.global.warehouseCA.configMap }}
- name: warehouse-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- with .Values.global.warehouseCA.secret }}
- name: warehouse-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{- define "stocks.caMount" -}}
{{- if include "stocks.caVolume" . }}
- {name: warehouse-ca, mountPath: /etc/stocks/warehouse, readOnly: true}
{{- end }}
{{- end }}

{{- define "stocks.caFile" -}}
{{- if include "stocks.caVolume" . }}/etc/stocks/warehouse/ca.crt{{ end }}
{{- end }}

{{- /* The end of a URL of the warehouse. */}}
{{- define "stocks.tls" -}}
{{- $said := list }}
{{- with .Values.warehouse.sslmode }}{{ $said = append $said (printf "sslmode=%s" .) }}{{ end }}
{{- with include "stocks.caFile" . }}{{ $said = append $said (printf "sslrootcert=%s" .) }}{{ end }}
{{- with $said }}?{{ join "&" . }}{{ end }}
{{- end }}

{{- /* An egress rule: to these peers, anywhere where there are none, on that port. */}}
{{- define "stocks.egress" -}}
- ports: [{port: {{ .port }}, protocol: TCP}]
  {{- with .peers }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "stocks.warehouseEgress" -}}
{{- if not .Values.postgres.enabled }}
{{- include "stocks.egress" (dict "port" .Values.warehouse.port "peers" .Values.networkPolicy.warehouse) }}
{{- end }}
{{- end }}

{{- define "stocks.storeEgress" -}}
{{- if not .Values.rustfs.enabled }}
{{- $url := urlParse (include "stocks.storeEndpoint" . | default "https://aws") }}
{{- $port := regexFind "[0-9]+$" $url.host | default (eq $url.scheme "http" | ternary "80" "443") }}
{{- include "stocks.egress" (dict "port" $port "peers" .Values.networkPolicy.store) }}
{{- end }}
{{- end }}

{{- /* What Pod Security `restricted` asks of a container, and a root file system that can't be written. */}}
{{- define "stocks.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* A pod of ours: no token, no root. */}}
{{- define "stocks.pod" -}}
{{- with include "stocks.placement" . | trim }}{{ . }}
{{ end -}}
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
