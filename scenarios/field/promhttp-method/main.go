// Whoever sends a request chooses its method, and each method makes a series of its own.
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"code", "method"})
	handler := promhttp.InstrumentHandlerCounter(counter, http.NotFoundHandler())
	requests := 1_000_000
	step := func() {
		requests++
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(fmt.Sprintf("M%d", requests), "/", nil))
	}
	for i := 0; i < 15000; i++ { // the table does not grow between 14,336 and 28,672
		step()
	}
	run(1200, step)
}
