//go:build linux

// Command sqlite measures modernc.org/sqlite, SQLite without cgo: one transaction a batch,
// in a write-ahead log that each commit syncs.
package main

import (
	"database/sql"
	"path/filepath"

	_ "modernc.org/sqlite"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

type store struct {
	*sql.DB
	put *sql.Stmt
}

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("CREATE TABLE apps (id TEXT PRIMARY KEY, counts BLOB) WITHOUT ROWID"); err != nil {
			return nil, err
		}
		put, err := db.Prepare("INSERT INTO apps VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET counts = excluded.counts")
		if err != nil {
			return nil, err
		}
		return load.Group(store{db, put}, e.State), nil
	})
}

func (s store) Commit(entries []load.Entry) error {
	tx, err := s.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	put := tx.Stmt(s.put)
	for _, e := range entries {
		if _, err := put.Exec(e.Key, e.Value); err != nil {
			return err
		}
	}
	return tx.Commit()
}
