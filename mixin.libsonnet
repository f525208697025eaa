// Rules, alerts and dashboards, in the form that mixins have. They need go-jsonnet, since
// the jsonnet in C++ cannot parse the YAML of the rules:
//
//   go install github.com/google/go-jsonnet/cmd/jsonnet@latest
//
// Change them from outside:
//
//   (import 'mixin.libsonnet') + { grafanaDashboards+:: { 'overview.json'+: { refresh: '5m' } } }
{
  prometheusRules+:: std.parseYaml(importstr 'alerts/recording.yaml'),
  prometheusAlerts+:: std.parseYaml(importstr 'alerts/alerts.yaml'),
  grafanaDashboards+:: {
    'overview.json': import 'dashboards/overview.json',
    'application.json': import 'dashboards/application.json',
    'exporter.json': import 'dashboards/exporter.json',
  },
}
