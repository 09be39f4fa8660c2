//! The simulated server itself: the faults that it makes are the ones that were asked for, and no others.

mod asker;
mod failing;
mod kinds;
mod reading;
