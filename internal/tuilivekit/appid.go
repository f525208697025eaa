package tuilivekit

// ValidAppID reports whether id is an SDKAppID in its canonical form: a positive decimal number
// without leading zeros.
func ValidAppID(id string) bool {
	if id == "" || id[0] == '0' || len(id) > 19 {
		return false
	}
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
