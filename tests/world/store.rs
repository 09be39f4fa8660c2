//! The strict store, and what goes wrong with it.

use std::time::Duration;

use kubesift::mirror::StoreError;
use kubesift::mirror::memory::{Fault, Memory, Operation};

use crate::history::StoreTrouble;

/// A request that takes longer than any client waits for its sign of life.
const SLOW: Duration = Duration::from_secs(75);

/// Has the store's next calls go wrong, or all of them until it heals.
pub(crate) fn trouble(store: &Memory, trouble: StoreTrouble, times: Option<u8>) {
    let mut left = times.map(u32::from);
    store.fail_by(Box::new(move |operation| {
        let writes = matches!(trouble, StoreTrouble::Lies | StoreTrouble::Refuses);
        if writes && operation != Operation::Write {
            return None;
        }
        if let Some(left) = &mut left {
            *left = left.checked_sub(1)?;
        }
        Some(fault(trouble))
    }));
}

fn fault(trouble: StoreTrouble) -> Fault {
    let unreachable = || StoreError::Unreachable { server: "memory".to_owned(), why: "timed out".to_owned() };
    match trouble {
        StoreTrouble::Unreachable => Fault::Before(unreachable()),
        StoreTrouble::FailsAfterwards => Fault::After(unreachable()),
        StoreTrouble::Busy => {
            Fault::Before(StoreError::Busy { status: 429, retry_after: Some(Duration::from_secs(2)) })
        }
        StoreTrouble::Refuses => {
            Fault::Before(StoreError::Rejected { status: 422, message: "not now".to_owned() })
        }
        StoreTrouble::Slow => Fault::late(SLOW),
        StoreTrouble::SlowAnswer => Fault::Slow { before: Duration::ZERO, after: SLOW, then: None },
        StoreTrouble::Lies => Fault::Loses(usize::MAX),
    }
}
