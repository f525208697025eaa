package config

import (
	"maps"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Redacted returns the configuration in use as YAML, for people: the defaults are filled in,
// keys that are not set are left out. With an appID it is that of this application, empty if
// there is none; without, it is all but the applications. It has no secrets: values of header
// fields, and user, password and query of a URL, are replaced by <secret>.
func (c *Config) Redacted(appID string) string {
	if appID == "" {
		return redactedYAML(struct {
			Relay   *Relay   `yaml:"relay"`
			Replica *Replica `yaml:"replica"`
		}{c.Relay.redacted(), c.Replica})
	}
	for _, app := range c.Apps {
		if string(app.SDKAppID) == appID {
			app.Relay = app.Relay.redacted()
			return redactedYAML(app)
		}
	}
	return ""
}

// redacted returns a copy without secrets, nil of nil.
func (r *Relay) redacted() *Relay {
	if r == nil {
		return nil
	}
	clone := *r
	clone.URL = redactedURL(r.URL)
	clone.Headers = maps.Clone(r.Headers)
	for name, value := range clone.Headers {
		if value.Value != "" {
			clone.Headers[name] = HeaderValue{Value: redacted}
		}
	}
	return &clone
}

func redactedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return redacted // not reached: it was parsed when it was loaded
	}
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	shown := clean.String()
	if u.User != nil {
		shown = strings.Replace(shown, "://", "://"+redacted+"@", 1)
	}
	if u.RawQuery != "" {
		shown += "?" + redacted
	}
	return shown
}

// redactedYAML returns v without the keys that have no value.
func redactedYAML(v any) string {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		return "" // not reached: v was decoded from YAML
	}
	prune(&n)
	if len(n.Content) == 0 {
		return ""
	}
	text, err := yaml.Marshal(&n)
	if err != nil {
		return ""
	}
	return string(text)
}

// prune takes out the keys without a value, and reports whether n has one itself.
func prune(n *yaml.Node) (hasValue bool) {
	switch n.Kind {
	case yaml.MappingNode:
		var kept []*yaml.Node
		for i := 0; i < len(n.Content); i += 2 {
			if prune(n.Content[i+1]) {
				kept = append(kept, n.Content[i], n.Content[i+1])
			}
		}
		n.Content = kept
		return len(kept) > 0
	case yaml.SequenceNode:
		return len(n.Content) > 0
	}
	return n.Tag != "!!null" && n.Value != "" && n.Value != "false"
}
