// A Kubernetes List with the rules as a PrometheusRule and each dashboard as a
// ConfigMap with the label that Grafana's sidecar looks for:
//
//   go install github.com/google/go-jsonnet/cmd/jsonnet@latest
//   jsonnet deploy/kubernetes/monitoring.jsonnet | kubectl apply -n monitoring -f -
//
// Arguments (-A): dashboardLabel and ruleLabels, if yours are others.
local mixin = import '../../mixin.libsonnet';

function(dashboardLabel='grafana_dashboard', ruleLabels='{}') {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: {
        name: 'tuilivekit-exporter',
        labels: { 'app.kubernetes.io/name': 'tuilivekit-exporter' } + std.parseJson(ruleLabels),
      },
      spec: { groups: mixin.prometheusRules.groups + mixin.prometheusAlerts.groups },
    },
  ] + [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: mixin.grafanaDashboards[file].uid,
        labels: { 'app.kubernetes.io/name': 'tuilivekit-exporter', [dashboardLabel]: '1' },
        annotations: { grafana_folder: 'TUILiveKit' },
      },
      data: { ['tuilivekit-' + file]: std.manifestJsonMinified(mixin.grafanaDashboards[file]) },
    }
    for file in std.objectFields(mixin.grafanaDashboards)
  ],
}
