import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;

/** A service on the JVM that tells its heap as the JMX exporter does, and keeps 1000 bytes of each request in its leaking form. */
class Service {
    // A queue of links would keep more beside the payload; this one doubles seldom.
    static final ArrayDeque<byte[]> KEPT = new ArrayDeque<>(1 << 20);

    static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] bytes = text.getBytes();
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        boolean leaks = arguments[1].equals("leaking");
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.createContext("/work", exchange -> {
            byte[] block = new byte[1000];
            if (leaks) {
                KEPT.add(block);
            }
            answer(exchange, "" + block.length);
        });
        server.createContext("/gc", exchange -> {
            System.gc();
            answer(exchange, "done");
        });
        server.createContext("/metrics", exchange -> {
            var runtime = Runtime.getRuntime();
            answer(exchange, "jvm_memory_used_bytes{area=\"heap\"} " + (runtime.totalMemory() - runtime.freeMemory())
                + "\njvm_memory_committed_bytes{area=\"heap\"} " + runtime.totalMemory() + "\n");
        });
        server.start();
    }
}
