package replica

import "time"

// Health is the result of the last exchange.
type Health struct {
	// Configured is whether the configuration has an engine. Engine is its description, without
	// secrets.
	Configured bool
	Engine     string
	// Up is whether the last exchange succeeded. Err is its error, nil before the first exchange.
	Up  bool
	Err error
	// Since is the time of the last change of Up. LastSuccess is the time of the last exchange
	// that succeeded. Both are zero before the first.
	Since, LastSuccess time.Time
	// Peers are the other replicas that were seen within the last ten seconds.
	Peers []Peer
}

// Peer is another replica.
type Peer struct {
	ID   string
	Seen time.Time // when its last exchange was seen, by the clock of this replica
}

// Health returns the result of the last exchange. It does not block. The caller owns Peers.
func (r *Replicas) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.health
	h.Peers = append([]Peer(nil), h.Peers...)
	return h
}

// note notes the result of a round. If the last round had another result, it logs that.
func (r *Replicas) note(err error, peers []Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, now := &r.health, time.Now()
	if r.settings == nil {
		return // a reload has removed the engine from the configuration meanwhile
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
