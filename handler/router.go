package handler

import "net/http"

// Router returns a handler for a listener of its own: c at exactly path, and 404 with
// an empty body, counted, for all the rest. It does not redirect: a POST that is
// redirected to a cleaner path arrives there as a GET, and without its body. A path that
// is written in another way (escaped, with a slash at the end, in other letter case) is
// another path.
func (c *Callback) Router(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != path {
			c.refuse(w, r, refuse(reasonPath)).write(w)
			return
		}
		c.ServeHTTP(w, r)
	})
}
