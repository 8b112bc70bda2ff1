import java.time.Duration;
import reactor.core.publisher.Sinks;

/** A replay that keeps nothing keeps everything: what is too old at once is never dropped. */
final class Main {
    public static void main(String[] args) throws Exception {
        Sinks.Many<byte[]> sink = Sinks.many().replay().limit(Duration.ZERO);
        Probe.run(2000, 20000, () -> sink.tryEmitNext(new byte[64]));
    }
}
