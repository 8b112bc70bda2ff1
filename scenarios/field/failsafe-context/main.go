// Each execution hangs a context on the executor's own, and takes it off only when it times out.
package main

import (
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/timeout"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	executor := failsafe.With(timeout.New[int](time.Minute)).WithContext(ctx)
	step := func() {
		if _, err := executor.Get(func() (int, error) { return 1, nil }); err != nil {
			panic(err)
		}
	}
	for i := 0; i < 15000; i++ { // the table does not grow between 14,336 and 28,672
		step()
	}
	run(1200, step)
}
