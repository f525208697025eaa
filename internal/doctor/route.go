package doctor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// alertmanagerConfig has the members of Alertmanager's configuration that doctor reads.
type alertmanagerConfig struct {
	Route     route
	Receivers []map[string]any
}

// route is a node of the tree of routes.
type route struct {
	Receiver string
	Match    map[string]string
	MatchRE  map[string]string `yaml:"match_re"`
	Matchers []string
	Continue bool
	Routes   []route
}

// receivers returns the receivers that an alert with these labels goes to, as Alertmanager
// finds them: the deepest route that matches, and its siblings after it as long as Continue is
// set. Matchers that are not understood match.
func (r route) receivers(labels map[string]string) (names []string) {
	for _, child := range r.Routes {
		if child.Receiver == "" {
			child.Receiver = r.Receiver
		}
		if !child.matches(labels) {
			continue
		}
		names = append(names, child.receivers(labels)...)
		if !child.Continue {
			break
		}
	}
	if len(names) == 0 && r.Receiver != "" {
		names = []string{r.Receiver}
	}
	return names
}

func (r route) matches(labels map[string]string) bool {
	for name, value := range r.Match {
		if labels[name] != value {
			return false
		}
	}
	for name, pattern := range r.MatchRE {
		if !matchesWhole(pattern, labels[name]) {
			return false
		}
	}
	for _, matcher := range r.Matchers {
		if !matcherMatches(matcher, labels) {
			return false
		}
	}
	return true
}

var matcherForm = regexp.MustCompile(`^\s*"?([^"=~!\s]+)"?\s*(=~|!~|!=|=)\s*(.*?)\s*$`)

// matcherMatches evaluates one or more matchers such as severity=~"warning|critical", as in
// {a="b", c!="d"}.
func matcherMatches(text string, labels map[string]string) bool {
	for _, one := range splitMatchers(strings.Trim(strings.TrimSpace(text), "{}")) {
		m := matcherForm.FindStringSubmatch(one)
		if m == nil {
			continue
		}
		value := m[3]
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		label := labels[m[1]]
		var matches bool
		switch m[2] {
		case "=":
			matches = label == value
		case "!=":
			matches = label != value
		case "=~":
			matches = matchesWhole(value, label)
		case "!~":
			matches = !matchesWhole(value, label)
		}
		if !matches {
			return false
		}
	}
	return true
}

// splitMatchers cuts at the commas that are not within quotation marks.
func splitMatchers(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}

func matchesWhole(pattern, text string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err != nil || re.MatchString(text)
}

// silent reports whether none of the receivers notifies anybody.
func (c alertmanagerConfig) silent(names []string) bool {
	for _, receiver := range c.Receivers {
		name, _ := receiver["name"].(string)
		if !slices.Contains(names, name) {
			continue
		}
		for key, integrations := range receiver {
			if list, ok := integrations.([]any); ok && strings.HasSuffix(key, "_configs") && len(list) > 0 {
				return false
			}
		}
	}
	return true
}
