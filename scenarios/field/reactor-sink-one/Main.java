import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** A subscriber that gives up waiting stays with the sink that it waited for. */
final class Main {
    public static void main(String[] args) throws Exception {
        Mono<String> answer = Sinks.<String>one().asMono();
        Probe.run(400, 200, () -> answer.subscribe().dispose());
    }
}
