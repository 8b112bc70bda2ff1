// Every client has a port of its own, and each address and port makes a series of its own.
package main

import (
	"context"
	"net"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

func main() {
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	intercept := otelgrpc.UnaryServerInterceptor(otelgrpc.WithMeterProvider(provider))
	call := &grpc.UnaryServerInfo{FullMethod: "/shop/Buy"}
	handle := func(context.Context, any) (any, error) { return nil, nil }
	clients := 0
	step := func() {
		clients++
		address := &net.TCPAddr{IP: net.IPv4(10, byte(clients>>16), byte(clients>>8), byte(clients)), Port: 40000}
		ctx := peer.NewContext(context.Background(), &peer.Peer{Addr: address})
		if _, err := intercept(ctx, nil, call, handle); err != nil {
			panic(err)
		}
	}
	for i := 0; i < 15000; i++ { // the table does not grow between 14,336 and 28,672
		step()
	}
	run(1200, step)
}
