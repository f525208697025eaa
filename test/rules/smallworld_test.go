package rules

import (
	"fmt"
	"testing"

	"go.yaml.in/yaml/v3"
)

const smallRules = `
groups:
  - name: constants
    rules:
      - {record: limit, labels: {of: rooms}, expr: vector(3)}
      - {record: limit, labels: {of: users}, expr: vector(4)}
  - name: rest
    rules:
      - {record: rooms, expr: sum by (app) (rooms_total)}
      - {record: users, expr: sum by (app) (users_total)}
      - {record: name, expr: 'group by (app, name) (info)'}
      - {record: either, expr: rooms or users}
      - {record: both, expr: rooms * on (app) users}
      - {alert: ManyRooms, expr: 'rooms > scalar(max(limit{of="rooms"}))', annotations: {summary: '{{ with query "name" }}{{ . }}{{ end }}'}}
      - {alert: ManyUsers, expr: 'users > scalar(max(limit{of="users"}))'}
      - {alert: Absent, expr: absent(up)}
      - {alert: Loud, expr: 'count(ALERTS{alertname="ManyRooms"}) > 0'}
`

// A case needs the rules that read its inputs, and the rules that those read.
func TestRulesOfACase(t *testing.T) {
	rooms := input{Series: `rooms_total{app="1"}`}
	for _, tc := range []struct {
		name string
		c    test
		want string
	}{
		{"reads an input, also through rules", test{Inputs: []input{rooms}}, "[limit rooms either both ManyRooms Loud]"},
		{"reads it in an annotation", test{Inputs: []input{rooms, {Series: "info"}}}, "[limit rooms name either both ManyRooms Loud]"},
		{"fires without an input", test{Inputs: []input{rooms}, Alerts: []alertCase{{Alert: "Absent"}}}, "[limit rooms either both ManyRooms Absent Loud]"},
		{"cannot fire", test{Alerts: []alertCase{{Alert: "ManyUsers"}}}, "[]"},
		{"is asked for by a name", test{Exprs: []exprCase{{Expr: `limit{of="users"}`}}}, "[limit]"},
		{"is asked for by a pattern", test{Exprs: []exprCase{{Expr: `count({__name__=~"lim.*"})`}}}, "[limit limit]"},
		{"is asked for with all alerts", test{Exprs: []exprCase{{Expr: `ALERTS`}}}, "[Absent]"},
		{"has all inputs", test{Inputs: []input{rooms, {Series: "users_total"}, {Series: "up"}}}, "[limit limit rooms users either both ManyRooms ManyUsers Absent Loud]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f ruleFile
			if err := yaml.Unmarshal([]byte(smallRules), &f); err != nil {
				t.Fatal(err)
			}
			got := []any{}
			for _, g := range forCase(t, []ruleFile{f}, &tc.c).Groups {
				for _, r := range g.Rules {
					if r["alert"] != nil {
						got = append(got, r["alert"])
					} else {
						got = append(got, r["record"])
					}
				}
			}
			if fmt.Sprint(got) != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}
