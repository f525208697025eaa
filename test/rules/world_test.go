package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// promtool evaluates each rule at each step. An evaluation costs about the same if the rule finds no
// samples, and most cases have inputs for few rules. So each case is run with the rules that it needs.
// A rule that is left out reads no input, not through other rules either: no change of the inputs can
// change its samples or its errors. scripts/check-alerts runs all rules with each case.

// ruleFile is a file of rules.
type ruleFile struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name     string           `yaml:"name"`
	Interval string           `yaml:"interval,omitempty"`
	Rules    []map[string]any `yaml:"rules"`
}

func readRules(t *testing.T, file string) ruleFile {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var f ruleFile
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return f
}

// rule has what decides which rules a case needs.
type rule struct {
	expr     parser.Expr
	writes   map[string]string // the labels that each series of the rule has
	texts    string            // the annotations: templates, which can have queries
	produces bool              // the rule can have samples in this case
	touched  bool              // the rule reads an input, directly or through other rules
	kept     bool              // the case needs the rule
}

// world has all rules and the inputs of one case.
type world struct {
	rules  []*rule
	inputs []labels.Labels
}

// forCase returns the rules that c needs, in the order of the files: those that read an input,
// those that an expectation of c reads, and the rules that they read.
func forCase(t *testing.T, files []ruleFile, c *test) ruleFile {
	t.Helper()
	p := parser.NewParser(parser.Options{})
	w := &world{}
	for _, in := range c.Inputs {
		series, _, err := p.ParseSeriesDesc(in.Series + " 0")
		if err != nil {
			t.Fatalf("%s: %v", in.Series, err)
		}
		w.inputs = append(w.inputs, series)
	}
	for _, f := range files {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				w.rules = append(w.rules, newRule(t, p, r))
			}
		}
	}
	w.settle()
	for _, a := range c.Alerts {
		w.keepSelected([]*labels.Matcher{
			labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "ALERTS"),
			labels.MustNewMatcher(labels.MatchEqual, "alertname", a.Alert),
		})
	}
	for _, e := range c.Exprs {
		expr, err := p.ParseExpr(e.Expr)
		if err != nil {
			t.Fatalf("%s: %v", e.Expr, err)
		}
		w.keepRead(expr)
	}
	for _, r := range w.rules {
		if r.touched {
			w.keep(r)
		}
	}
	return w.kept(files)
}

func newRule(t *testing.T, p parser.Parser, r map[string]any) *rule {
	t.Helper()
	text, _ := r["expr"].(string)
	expr, err := p.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	writes := map[string]string{}
	if alert, ok := r["alert"].(string); ok { // other labels of an alert can be templates
		writes[model.MetricNameLabel], writes["alertname"] = "ALERTS", alert
		return &rule{expr: expr, writes: writes, texts: fmt.Sprint(r["annotations"])}
	}
	if own, ok := r["labels"].(map[string]any); ok {
		for name, value := range own {
			writes[name] = fmt.Sprint(value)
		}
	}
	writes[model.MetricNameLabel], _ = r["record"].(string)
	return &rule{expr: expr, writes: writes}
}

// settle sets produces and touched of each rule. A rule can read others, so it repeats until nothing
// changes.
func (w *world) settle() {
	for changed := true; changed; {
		changed = false
		for _, r := range w.rules {
			produces := w.mayProduce(r.expr) || r.expr.Type() == parser.ValueTypeScalar
			touched := w.readsInput(r.expr)
			changed = changed || produces != r.produces || touched != r.touched
			r.produces, r.touched = produces, touched
		}
	}
}

// mayProduce reports whether an expression can have samples, if only rules with produces have any.
func (w *world) mayProduce(n parser.Node) bool {
	switch e := n.(type) {
	case *parser.VectorSelector:
		return w.selectsInput(e.LabelMatchers) || len(w.selected(e.LabelMatchers)) > 0
	case *parser.Call:
		if strings.HasPrefix(e.Func.Name, "absent") || e.Func.Name == "vector" || len(e.Args) == 0 {
			return true
		}
	case *parser.BinaryExpr:
		left, right := w.mayProduce(e.LHS), w.mayProduce(e.RHS)
		switch {
		case e.Op == parser.LOR:
			return left || right
		case e.Op == parser.LUNLESS, e.RHS.Type() == parser.ValueTypeScalar:
			return left
		case e.LHS.Type() == parser.ValueTypeScalar:
			return right
		}
		return left && right
	}
	for child := range parser.ChildrenIter(n) {
		if w.mayProduce(child) {
			return true
		}
	}
	return false
}

func (w *world) readsInput(expr parser.Expr) bool {
	for _, matchers := range parser.ExtractSelectors(expr) {
		if w.selectsInput(matchers) {
			return true
		}
		for _, r := range w.selected(matchers) {
			if r.touched {
				return true
			}
		}
	}
	return false
}

func (w *world) selectsInput(matchers []*labels.Matcher) bool {
	for _, in := range w.inputs {
		if matches(matchers, func(name string) (string, bool) { return in.Get(name), name == model.MetricNameLabel }) {
			return true
		}
	}
	return false
}

// selected returns the rules whose samples the matchers can select.
func (w *world) selected(matchers []*labels.Matcher) []*rule {
	var found []*rule
	for _, r := range w.rules {
		known := func(name string) (string, bool) { value, ok := r.writes[name]; return value, ok }
		if r.produces && matches(matchers, known) {
			found = append(found, r)
		}
	}
	return found
}

// matches reports whether each matcher accepts its label, if the value of the label is known.
func matches(matchers []*labels.Matcher, known func(string) (string, bool)) bool {
	for _, m := range matchers {
		if value, ok := known(m.Name); ok && !m.Matches(value) {
			return false
		}
	}
	return true
}

// keep keeps a rule and the rules that it reads.
func (w *world) keep(r *rule) {
	if r.kept {
		return
	}
	r.kept = true
	w.keepRead(r.expr)
	for _, other := range w.rules {
		if other.produces && strings.Contains(r.texts, other.writes[model.MetricNameLabel]) {
			w.keep(other)
		}
	}
}

func (w *world) keepRead(expr parser.Expr) {
	for _, matchers := range parser.ExtractSelectors(expr) {
		w.keepSelected(matchers)
	}
}

func (w *world) keepSelected(matchers []*labels.Matcher) {
	for _, r := range w.selected(matchers) {
		w.keep(r)
	}
}

// kept returns the rules that are kept, as one file.
func (w *world) kept(files []ruleFile) ruleFile {
	var all ruleFile
	i := 0
	for _, f := range files {
		for _, g := range f.Groups {
			var rules []map[string]any
			for _, r := range g.Rules {
				if w.rules[i].kept {
					rules = append(rules, r)
				}
				i++
			}
			if len(rules) > 0 {
				g.Rules = rules
				all.Groups = append(all.Groups, g)
			}
		}
	}
	return all
}
