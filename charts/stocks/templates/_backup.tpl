{{- /* The Job of a backup or a restore: root, login (a Secret with STOCKS_WAREHOUSE_URL), args. */}}
{{- define "stocks.backupJob" -}}
{{- $root := .root }}
metadata:
  labels: {{- include "stocks.labels" $root | nindent 4 }}
spec:
  ttlSecondsAfterFinished: 604800
  backoffLimit: 4
  activeDeadlineSeconds: 14400
  podFailurePolicy:
    rules:
      - {action: FailJob, onExitCodes: {operator: In, values: [65, 69, 70, 78]}}
  template:
    metadata:
      labels: {{- include "stocks.labels" $root | nindent 8 }}
        app.kubernetes.io/component: backup
    spec:
      restartPolicy: Never
      {{- if $root.Values.store.identity }}
      serviceAccountName: {{ $root.Values.serviceAccounts.workflow }}
      {{- end }}
      {{- include "stocks.pod" $root | nindent 6 }}
      containers:
        - name: backup
          {{- include "stocks.container" $root | nindent 10 }}
          resources: {{- toYaml $root.Values.backup.resources | nindent 12 }}
          args: {{- toYaml .args | nindent 12 }}
          env:
            - name: STOCKS_WAREHOUSE_URL
              valueFrom: {secretKeyRef: {name: {{ .login }}, key: STOCKS_WAREHOUSE_URL}}
            {{- if not $root.Values.store.identity }}
            {{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
            - name: {{ . }}
              valueFrom: {secretKeyRef: {name: backup-writer, key: {{ . }}}}
            {{- end }}
            {{- end }}
          envFrom: [{configMapRef: {name: stocks-settings}}]
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- include "stocks.caMount" $root | nindent 12 }}
      volumes:
        - {name: tmp, emptyDir: {}}
        {{- include "stocks.caVolume" $root | nindent 8 }}
{{- end }}
