package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// backup is the content of a backup file.
type backup struct {
	AppID string    `json:"sdk_app_id"`
	Time  time.Time `json:"time"`
	State State     `json:"state"`
}

// Save writes the configuration of an application to a new file in folder, which only its owner
// can read: it has the token. It returns the name of the file when the file is durable.
func Save(folder, appID string, s State) (name string, err error) {
	now := time.Now().UTC()
	name = filepath.Join(folder, fmt.Sprintf("tuilivekit-callback-%s-%s.json", appID, now.Format("20060102T150405.000")))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(backup{appID, now, s}, "", "  ")
	if err != nil {
		panic(err) // a struct of strings
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return name, nil
}

// Load reads a file that Save has written for this application.
func Load(name, appID string) (State, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return State{}, err
	}
	var b backup
	if err := json.Unmarshal(text, &b); err != nil || b.AppID == "" {
		return State{}, fmt.Errorf("%s is not a backup of setup", name) // without its content
	}
	if b.AppID != appID {
		return State{}, fmt.Errorf("%s is a backup of application %s", name, b.AppID)
	}
	return b.State, nil
}
