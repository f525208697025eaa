// Package config reads what the exporter watches: the YAML file of applications,
// or the flags that stand in for it. What it returns is valid and complete; secrets
// are read already.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Config is the configuration file.
type Config struct {
	// Apps are the applications whose callbacks are taken. Required, at least one.
	Apps []App `yaml:"apps"`
}

// App is one application.
type App struct {
	// SDKAppID is the application's id in the console, a decimal number. Required.
	SDKAppID AppID `yaml:"sdk_app_id"`
	// Name is shown beside the id in metrics, alerts and dashboards. Default: the id.
	Name string `yaml:"name"`
	// TokenFiles are files that hold one callback token each. All tokens are live, so
	// that one can be changed without losing a callback. At most 4 tokens, together
	// with TokenEnv. Required, unless TokenEnv or AllowUnsigned is set.
	TokenFiles []string `yaml:"token_files"`
	// TokenEnv are names of environment variables that hold one callback token each.
	// Optional.
	TokenEnv []string `yaml:"token_env"`
	// AllowUnsigned takes callbacks without a signature. SDKAppIDs are no secret, so
	// anyone who can reach the webhook listener can then set the counts of this
	// application. Default: false.
	AllowUnsigned bool `yaml:"allow_unsigned"`

	// Tokens are the callback tokens, those of TokenFiles first.
	Tokens []Secret `yaml:"-"`
}

// AppID is an SDKAppID in decimal, without sign or leading zeros. In YAML it may be
// a number or a string.
type AppID string

// UnmarshalYAML takes the scalar as it is written: 0x10 and 1e3 are no SDKAppIDs.
func (id *AppID) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || !tuilivekit.ValidAppID(n.Value) {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: sdk_app_id must be a decimal number without leading zeros", n.Line)}}
	}
	*id = AppID(n.Value)
	return nil
}

// Load reads the file at path and the secrets that it names. Paths in it are
// relative to its folder. An error names the file, the line and the key. Warnings are
// of what works and should not stay so.
func Load(path string) (c *Config, warnings []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	if c, err = parse(b); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if warnings, err = c.complete(filepath.Dir(path)); err != nil {
		var key *keyError
		if errors.As(err, &key) {
			root := &yaml.Node{}        // only for the line: it takes as long as all the rest
			_ = yaml.Unmarshal(b, root) // was parsed before
			return nil, nil, fmt.Errorf("%s:%d: %w", path, key.line(root), err)
		}
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, warnings, nil
}

// FromFlags returns the configuration of the applications that are given as
// SDKAPPID or SDKAPPID=NAME, each with all of tokenFiles. An error names the flag.
func FromFlags(apps, tokenFiles []string, allowUnsigned bool) (c *Config, warnings []string, err error) {
	c = &Config{}
	for _, app := range apps {
		id, name, _ := strings.Cut(app, "=")
		if !tuilivekit.ValidAppID(id) {
			return nil, nil, fmt.Errorf("--app: %q is not SDKAPPID[=NAME] with a decimal SDKAppID", app)
		}
		c.Apps = append(c.Apps, App{SDKAppID: AppID(id), Name: name, TokenFiles: tokenFiles, AllowUnsigned: allowUnsigned})
	}
	warnings, err = c.complete("")
	var key *keyError
	if errors.As(err, &key) {
		return nil, nil, fmt.Errorf("%s: %s", key.flag(), key.problem)
	}
	return c, warnings, err
}

// parse decodes the file.
func parse(b []byte) (*Config, error) {
	c := &Config{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, readable(err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	return c, nil
}
