//! An entry that is taken out leaves its key and its two times: the node in the queue is unlinked, not freed.
mod probe;

fn main() {
    let mut cache = moka::unsync::Cache::<u64, u64>::new(100);
    let mut key = 0;
    probe::run(2_000.0, || {
        key += 1;
        cache.insert(key, key);
        cache.invalidate(&key);
    })
}
