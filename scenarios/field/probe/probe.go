package main

// Runs a step at a rate, and tells leaklab its operations and what the heap holds after a
// full collection.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"
)

var pipe = func() *os.File {
	descriptor, err := strconv.Atoi(os.Getenv("LEAKLAB_PIPE"))
	if err != nil {
		return os.Stdout
	}
	return os.NewFile(uintptr(descriptor), "leaklab")
}()

// What a program may add: stacks to the bytes in use, and gauges of its own.
var (
	countStacks bool
	gauges      = func() map[string]any {
		return map[string]any{"goroutines": runtime.NumGoroutine()}
	}
)

// leaks is the profile of goroutines that wait for what nobody can reach any more: nil unless the
// toolchain has it and the program was built with GOEXPERIMENT=goroutineleakprofile.
var (
	leaks     = pprof.Lookup("goroutineleak")
	leaksTold time.Time
)

// countLeaks runs the collection that finds such goroutines, once a second at most: it writes every
// stack, which takes time where there are many.
func countLeaks(more map[string]any) {
	if leaks == nil || time.Since(leaksTold) < time.Second {
		return
	}
	leaksTold = time.Now()
	if leaks.WriteTo(io.Discard, 0) == nil {
		more["leaked_goroutines"] = leaks.Count()
	}
}

func say(message map[string]any) {
	line, _ := json.Marshal(message)
	fmt.Fprintf(pipe, "%s\n", line)
}

// tell reports the heap after two collections: what a finalizer or a pool of the first one keeps,
// the second one frees.
func tell(ops int64) {
	more := gauges()
	countLeaks(more)
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	used, committed := stats.HeapAlloc, stats.HeapSys
	if countStacks {
		used, committed = used+stats.StackInuse, committed+stats.StackSys
	}
	more["heap_objects"], more["stack_bytes"] = stats.HeapObjects, stats.StackInuse
	say(map[string]any{
		"ready":  true,
		"ops":    ops,
		"heap":   map[string]any{"used_bytes": used, "committed_bytes": committed},
		"gauges": more,
	})
}

// pacer hands out turns at a rate, and tells leaklab five times a second. It is an iterator, so
// that the body of the loop belongs to the caller's function.
type pacer struct {
	rate        float64
	start, told time.Time
	done        int64
}

func (p *pacer) next() bool {
	if p.start.IsZero() {
		tell(0)
		p.start = time.Now()
		p.told = p.start
	}
	for {
		now := time.Now()
		if now.Sub(p.told) >= 200*time.Millisecond {
			p.told = now
			tell(p.done)
		}
		if float64(p.done) < now.Sub(p.start).Seconds()*p.rate {
			p.done++
			return true
		}
		time.Sleep(time.Millisecond)
	}
}

// run calls step for ever, rate times a second, after a hundred calls that do not count.
func run(rate float64, step func()) {
	for i := 0; i < 100; i++ {
		step()
	}
	for p := (&pacer{rate: rate}); p.next(); {
		step()
	}
}
