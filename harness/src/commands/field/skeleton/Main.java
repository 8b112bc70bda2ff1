/** What keeps what, in one line. */
final class Main {
    public static void main(String[] args) throws Exception {
        Probe.run(2000, 5000, () -> {
            // one operation
        });
    }
}
