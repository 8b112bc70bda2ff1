// Each execution hangs a context on the executor's own, and takes it off only when it fails.
package main

import (
	"context"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	executor := failsafe.With(retrypolicy.NewWithDefaults[int]()).WithContext(ctx)
	run(2000, func() {
		if _, err := executor.Get(func() (int, error) { return 1, nil }); err != nil {
			panic(err)
		}
	})
}
