{{/* The names of everything: the release's name, with the process. */}}
{{- define "wallet.name" -}}
{{- printf "%s-%s" .root.Release.Name .process -}}
{{- end -}}

{{/* What a process is known by, and what selects it. */}}
{{- define "wallet.selector" -}}
app.kubernetes.io/name: wallet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end -}}

{{- define "wallet.labels" -}}
{{ include "wallet.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* The variables of a process: `fixed`, then those of all, then its own, then where its secrets are. The last one wins. */}}
{{- define "wallet.env" -}}
{{- $all := dict -}}
{{- range $variables := list .fixed .shared .values.env }}
{{- range $name, $value := $variables }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $all $name (include "wallet.text" $value) }}{{ end }}
{{- end }}
{{- end }}
{{- range $name, $file := .values.secretFiles }}
{{- if $file }}{{ $_ := set $all $name (printf "/run/secrets/wallet/%s/%s" $file.secret $file.key) }}{{ end }}
{{- end }}
{{- range $name := keys $all | sortAlpha }}
- name: {{ $name }}
  value: {{ get $all $name | quote }}
{{- end }}
{{- end -}}

{{/* A value as text: of a variable, or where a number stands. Helm reads whole numbers as fractions, and would write a million as 1e+06. */}}
{{- define "wallet.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* The secrets of a process, and no others: replaced together where their Secret is. */}}
{{- define "wallet.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if compact (values .values.secretFiles) }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
    {{- range $name := keys .values.secretFiles | sortAlpha }}
    {{- with get $.values.secretFiles $name }}
    - secret:
        name: {{ .secret }}
        items:
        - key: {{ .key }}
          path: {{ .secret }}/{{ .key }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* What every pod is: no root, no rights in the cluster. */}}
{{- define "wallet.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Pods of a process keep apart, by zone and by node, where that is possible. */}}
{{- define "wallet.spread" -}}
topologySpreadConstraints:
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "wallet.selector" $ | nindent 6 }}
{{- end }}
{{- end -}}

{{/* What every container is: nothing of its file system can be written, and no privilege is to be had. */}}
{{- define "wallet.container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .process }}]
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
- {name: tmp, mountPath: /tmp}
{{- if compact (values .values.secretFiles) }}
- {name: secrets, mountPath: /run/secrets/wallet, readOnly: true}
{{- end }}
resources: {{ toJson .values.resources }}
{{- end -}}

{{/* Three probes by HTTP: it may take a minute to start; it is started again when it hangs; it is called when it is ready. */}}
{{- define "wallet.httpProbes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* The same by gRPC's health service, which tells them apart by the name of what is asked for. */}}
{{- define "wallet.grpcProbes" -}}
startupProbe:
  grpc: {port: {{ .port }}, service: liveness}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 30
livenessProbe:
  grpc: {port: {{ .port }}, service: liveness}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  grpc: {port: {{ .port }}, service: readiness}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{- define "wallet.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "wallet.name" . }}
  labels:
    {{- include "wallet.labels" . | nindent 4 }}
spec:
  {{- toYaml .values.podDisruptionBudget | nindent 2 }}
  selector:
    matchLabels:
      {{- include "wallet.selector" . | nindent 6 }}
{{- end -}}

{{- define "wallet.autoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "wallet.name" . }}
  labels:
    {{- include "wallet.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "wallet.name" . }}
  minReplicas: {{ include "wallet.text" .values.autoscaling.minReplicas }}
  maxReplicas: {{ include "wallet.text" .values.autoscaling.maxReplicas }}
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: {{ include "wallet.text" .values.autoscaling.cpuPercent }}}
  {{- with .values.autoscaling.queuedOperations }}
  - type: Pods
    pods:
      metric: {name: wallet_queued_operations}
      target: {type: AverageValue, averageValue: {{ include "wallet.text" . | quote }}}
  {{- end }}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
{{- end -}}

{{/* Where a release may go. Names are looked up wherever the cluster's DNS is. */}}
{{- define "wallet.dns" -}}
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end -}}

{{- define "wallet.egressTo" -}}
- ports:
  - {protocol: TCP, port: {{ include "wallet.text" .port }}}
  {{- with .to }}
  to: {{ toJson . }}
  {{- end }}
{{- end -}}
