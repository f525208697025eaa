package replica

import "time"

// Health is how the exchange goes.
type Health struct {
	// Configured is whether there is an engine; Engine says in words where.
	Configured bool
	Engine     string
	// Up is whether the last exchange succeeded. Err says why it did not, nil before the first.
	Up  bool
	Err error
	// Since is when Up became what it is, LastSuccess the time of the last exchange that
	// succeeded; zero before the first.
	Since, LastSuccess time.Time
	// Peers are the other replicas that were seen within the last ten seconds.
	Peers []Peer
}

// Peer is another replica.
type Peer struct {
	ID   string
	Seen time.Time // its last sign of life, by the clock of this replica
}

// Health returns how the exchange goes. It does not block. The caller owns Peers.
func (r *Replicas) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.health
	h.Peers = append([]Peer(nil), h.Peers...)
	return h
}

// note notes how a round went, and logs if that is another way than before.
func (r *Replicas) note(err error, peers []Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, now := &r.health, time.Now()
	if r.settings == nil {
		return // it was taken out of the configuration meanwhile
	}
	first := h.Since.IsZero()
	if first || h.Up != (err == nil) {
		h.Since = now
		switch log := r.o.Log.WithField("engine", h.Engine); {
		case err != nil:
			log.WithError(err).Warn("replicas are apart: Redis cannot be used, this replica continues alone")
		case first:
			log.Info("exchanging records with other replicas")
		default:
			log.Info("replicas are together again: Redis can be used")
		}
	}
	h.Up, h.Err = err == nil, err
	if err == nil {
		h.LastSuccess = now
	}
	if peers != nil {
		h.Peers = peers
	}
}
