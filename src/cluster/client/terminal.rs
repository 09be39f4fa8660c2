//! Whose terminal a credential plugin may ask on.

use std::fmt;
use std::sync::Arc;

/// The terminal that there is for a plugin which has to ask something, such as a pass code.
#[derive(Clone, Default)]
pub enum Terminal {
    /// None: it has to do without.
    #[default]
    Unavailable,
    /// Ours, as kubectl shares it.
    Shared,
    /// That of an app which fills the screen and reads its keys from stdin: it steps aside meanwhile.
    Lent(Arc<dyn Lender>),
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "Unavailable",
            Self::Shared => "Shared",
            Self::Lent(_) => "Lent",
        })
    }
}

/// Who has the terminal, and lends it.
pub trait Lender: Send + Sync + 'static {
    /// Waits until the terminal is free for this command; `None` when it is lent no more. Called where blocking is
    /// allowed. Dropping the loan gives the terminal back.
    fn lend(&self, command: &str) -> Option<Box<dyn Loan>>;

    /// How often the user asked to try again. A plugin that failed on the terminal does not get it once more before
    /// this has grown: else a screen would be taken away again and again.
    fn asked(&self) -> u64;
}

/// The terminal, while a plugin has it.
pub trait Loan: Send {
    /// Whether it has to be given back at once: the plugin is ended.
    fn is_called_back(&self) -> bool;
}
