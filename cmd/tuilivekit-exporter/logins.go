package main

import (
	"crypto/sha256"
	"net/http"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// maxRememberedLogins is the number of results of bcrypt that are kept.
const maxRememberedLogins = 128

// logins are the users of the web listener and their bcrypt hashes.
type logins struct {
	hashes map[string]string
	decoy  string // hash for unknown users, so that their requests take as long

	comparing sync.Mutex // one comparison at a time: each takes much processor time

	mu         sync.Mutex
	remembered map[[sha256.Size]byte]bool // results, by the sum of user and password
}

func newLogins() *logins {
	return &logins{hashes: make(map[string]string), remembered: make(map[[sha256.Size]byte]bool)}
}

// add adds a user. It must not be called after the first allow.
func (l *logins) add(user, hash string) {
	l.hashes[user] = hash
	cost, _ := bcrypt.Cost([]byte(hash)) // the toolkit has checked the hash
	if highest, err := bcrypt.Cost([]byte(l.decoy)); err != nil || cost > highest {
		l.decoy = hash
	}
}

// allow reports whether r has the password of a user.
func (l *logins) allow(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	key := sha256.Sum256([]byte(user + "\x00" + password))
	l.mu.Lock()
	allowed, known := l.remembered[key]
	l.mu.Unlock()
	if known {
		return allowed
	}
	hash, exists := l.hashes[user]
	if !exists {
		hash = l.decoy
	}
	l.comparing.Lock()
	allowed = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil && exists
	l.comparing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.remembered) >= maxRememberedLogins {
		clear(l.remembered)
	}
	l.remembered[key] = allowed
	return allowed
}
