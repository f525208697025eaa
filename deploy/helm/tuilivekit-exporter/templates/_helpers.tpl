{{- define "exporter.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains "tuilivekit-exporter" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-tuilivekit-exporter" (.Release.Name | trunc 30 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "exporter.selector" -}}
app.kubernetes.io/name: tuilivekit-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "exporter.labels" -}}
{{ include "exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "exporter.healthPort" -}}
{{- regexFind "[0-9]+$" .Values.health.listenAddress -}}
{{- end -}}

{{/* The configuration, with what replica.redis says. */}}
{{- define "exporter.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $values := .Values.replica.redis -}}
{{- if $values.addresses -}}
{{- if $config.replica -}}
{{- fail "replica.redis.addresses: config.replica is set too: set one of them" -}}
{{- end -}}
{{- $redis := dict "addresses" $values.addresses -}}
{{- if $values.cluster }}{{ $_ := set $redis "cluster" true }}{{ end -}}
{{- if $values.database }}{{ $_ := set $redis "database" (int $values.database) }}{{ end -}}
{{- if $values.keyPrefix }}{{ $_ := set $redis "key_prefix" $values.keyPrefix }}{{ end -}}
{{- if $values.username }}{{ $_ := set $redis "username" $values.username }}{{ end -}}
{{- include "exporter.redisFile" (list $values $redis "password_file" $values.passwordKey "passwordKey") -}}
{{- with $values.sentinel -}}
{{- if .masterName -}}
{{- $sentinel := dict "master_name" .masterName -}}
{{- if .username }}{{ $_ := set $sentinel "username" .username }}{{ end -}}
{{- include "exporter.redisFile" (list $values $sentinel "password_file" .passwordKey "sentinel.passwordKey") -}}
{{- $_ := set $redis "sentinel" $sentinel -}}
{{- end -}}
{{- end -}}
{{- with $values.tls -}}
{{- if .enabled -}}
{{- $tls := dict -}}
{{- include "exporter.redisFile" (list $values $tls "ca_file" .caKey "tls.caKey") -}}
{{- include "exporter.redisFile" (list $values $tls "cert_file" .certKey "tls.certKey") -}}
{{- include "exporter.redisFile" (list $values $tls "key_file" .keyKey "tls.keyKey") -}}
{{- if .serverName }}{{ $_ := set $tls "server_name" .serverName }}{{ end -}}
{{- $_ := set $redis "tls" $tls -}}
{{- end -}}
{{- end -}}
{{- $_ := set $config "replica" (dict "redis" $redis) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Sets the file of a key of the Secret of Redis: the values, where, its name, the key, and the key's name. */}}
{{- define "exporter.redisFile" -}}
{{- $values := index . 0 -}}
{{- if index . 3 -}}
{{- if not $values.existingSecret -}}
{{- fail (printf "replica.redis.%s: needs replica.redis.existingSecret" (index . 4)) -}}
{{- end -}}
{{- $_ := set (index . 1) (index . 2) (printf "/run/secrets/tuilivekit-exporter-redis/%s" (index . 3)) -}}
{{- end -}}
{{- end -}}

{{- define "exporter.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
