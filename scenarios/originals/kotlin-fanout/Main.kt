// kotlinx.coroutines 1855: workers that share a channel and wait for something else in the loop. The
// wait leaves its continuation, and through it its result, in the list of the worker's job.
import kotlinx.coroutines.*
import kotlinx.coroutines.channels.*
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.coroutines.resume

class Response(size: Int) { val body = ByteArray(size) }

val replies = Executors.newScheduledThreadPool(1) { r -> Thread(r).apply { isDaemon = true } }

fun call(size: Int) = CompletableFuture<Response>().also { future ->
    replies.schedule({ future.complete(Response(size)) }, 1, TimeUnit.MILLISECONDS)
}

// The two extensions of kotlinx-coroutines-jdk8, so that the core artifact is enough.
suspend fun <T> CompletableFuture<T>.awaitValue(): T = suspendCancellableCoroutine { waiting ->
    whenComplete { value, _ -> waiting.resume(value) }
    waiting.invokeOnCancellation { cancel(false) }
}

fun <T> CompletableFuture<T>.asDeferredValue(): Deferred<T> =
    CompletableDeferred<T>().also { deferred -> whenComplete { value, _ -> deferred.complete(value) } }

fun CoroutineScope.worker(channel: ReceiveChannel<Int>, form: String, size: Int) = launch {
    when (form) {
        "await" -> for (message in channel) { call(size).awaitValue(); Probe.OPERATIONS.incrementAndGet() }
        "scope" -> for (message in channel) { coroutineScope { call(size).awaitValue() }; Probe.OPERATIONS.incrementAndGet() }
        "join" -> for (message in channel) { call(size).asDeferredValue().join(); Probe.OPERATIONS.incrementAndGet() }
    }
}

fun main(arguments: Array<String>) {
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    val channel = Channel<Int>(4096)
    repeat(64) { scope.worker(channel, arguments[0], arguments[1].toInt()) }
    thread(isDaemon = true) {
        val start = System.nanoTime()
        var sent = 0L
        while (true) {
            while (sent < (System.nanoTime() - start) / 1e9 * 8000) { channel.offer(1); sent++ }
            Thread.sleep(1)
        }
    }
    Thread.sleep(3000) // loads the classes before anything counts
    Probe.report(400)
}
