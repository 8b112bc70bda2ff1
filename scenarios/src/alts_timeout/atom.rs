//! Clojure's atom, and the one way in which the model locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A cell whose value is exchanged as a whole.
///
/// Two objects, as in the original: the atom, and the `AtomicReference` that it owns.
pub(super) struct Atom<T> {
    reference: Box<Mutex<T>>,
}

impl<T> Atom<T> {
    pub(super) fn new(value: T) -> Self {
        Atom {
            reference: Box::new(Mutex::new(value)),
        }
    }

    /// Puts a value in and returns the one before.
    pub(super) fn replace(&self, value: T) -> T {
        std::mem::replace(&mut *locked(&self.reference), value)
    }

    /// A copy of the value.
    pub(super) fn get(&self) -> T
    where
        T: Clone,
    {
        locked(&self.reference).clone()
    }
}

/// Locks; a holder that panicked left nothing half done that matters to a model.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
