// kotlinx.coroutines 1855: workers that share a channel and wait for something else in the loop. The
// wait leaves its continuation, and through it its result, in the list of the worker's job.
import kotlinx.coroutines.*
import kotlinx.coroutines.channels.*
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
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
    var sent = 0L
    // Messages by the thousand, each waited for: between two loads every worker waits for the channel.
    fun load(messages: Int) {
        repeat(messages) {
            while (!channel.offer(1)) Thread.sleep(1)
            sent++
        }
        while (Probe.OPERATIONS.get() < sent) Thread.sleep(1)
    }
    repeat(10) { load(2000) } // loads the classes before anything counts
    while (true) {
        Probe.tell()
        load(2000)
        Thread.sleep(100)
    }
}
