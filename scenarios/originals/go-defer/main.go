// defer in a loop that never returns: each turn leaves a record, a closure, and what the closure holds.
package main

import (
	"os"
	"strconv"
)

type resource struct{ buf []byte }

// The buffer is written: pages that nobody touches are in the heap's count and not in memory.
func open(size int) *resource {
	r := &resource{buf: make([]byte, size)}
	for i := range r.buf {
		r.buf[i] = 0xAA
	}
	return r
}

//go:noinline
func (r *resource) Close() { r.buf[0] = 0 }

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	p := &pacer{rate: 5000}
	switch os.Args[1] {
	case "loop":
		for p.next() {
			r := open(size)
			defer r.Close()
		}
	case "function":
		for p.next() {
			func() {
				r := open(size)
				defer r.Close()
			}()
		}
	}
}
