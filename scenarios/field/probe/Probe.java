import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/** Runs a step at a rate, and tells leaklab its operations and what the heap holds after a full collection. */
public final class Probe {
    /** One operation. */
    public interface Step {
        void run() throws Exception;
    }

    /** Operations, for a program that counts them by itself. */
    public static final AtomicLong OPERATIONS = new AtomicLong();

    private static OutputStream pipe;

    private Probe() {}

    /** Tells leaklab the operations so far and the heap after a collection. */
    public static synchronized void tell() throws IOException {
        if (pipe == null) {
            String descriptor = System.getenv("LEAKLAB_PIPE");
            pipe = descriptor == null ? System.out : new FileOutputStream("/dev/fd/" + descriptor);
        }
        long before = OPERATIONS.get();
        System.gc();
        long operations = (before + OPERATIONS.get()) / 2;
        // As the collection left it: what threads take for themselves after it is no use.
        long used = 0;
        long committed = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            MemoryUsage left = pool.getType() == MemoryType.HEAP ? pool.getCollectionUsage() : null;
            used += left == null ? 0 : left.getUsed();
            committed += left == null ? 0 : left.getCommitted();
        }
        String line = String.format(Locale.ROOT,
            "{\"ready\":true,\"ops\":%d,\"heap\":{\"used_bytes\":%d,\"committed_bytes\":%d}}%n",
            operations, used, committed);
        pipe.write(line.getBytes(StandardCharsets.UTF_8));
        pipe.flush();
    }

    /** Tells leaklab every {@code everyMs}, for ever, while other threads work. */
    public static void report(long everyMs) throws Exception {
        while (true) {
            tell();
            Thread.sleep(everyMs);
        }
    }

    /** Runs {@code step} for ever, {@code rate} times a second, after {@code warm} that do not count. */
    public static void run(double rate, int warm, Step step) throws Exception {
        for (int i = 0; i < warm; i++) {
            step.run();
        }
        tell();
        long start = System.nanoTime();
        long told = start;
        for (long done = 0; ; ) {
            long now = System.nanoTime();
            if (now - told >= 300_000_000L) {
                told = now;
                OPERATIONS.set(done);
                tell();
            }
            long due = Math.min((long) ((now - start) / 1e9 * rate), done + 4096);
            for (; done < due; done++) {
                step.run();
            }
            Thread.sleep(1);
        }
    }
}
