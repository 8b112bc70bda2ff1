// A service on Go that tells its heap as client_golang does, and keeps 1000 bytes of each request
// in its leaking form.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
)

var kept [][]byte

func main() {
	leaks := os.Args[2] == "leaking"
	http.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 1000)
		if leaks {
			kept = append(kept, block)
		}
		fmt.Fprint(w, len(block))
	})
	http.HandleFunc("/gc", func(w http.ResponseWriter, r *http.Request) { runtime.GC() })
	http.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintf(w, "go_memstats_heap_alloc_bytes %d\ngo_memstats_heap_sys_bytes %d\n", m.HeapAlloc, m.HeapSys)
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
