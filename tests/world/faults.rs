//! Requests that go wrong.

use kubesift::demo::{Action, Fault, Matcher, Verb};
use kubesift::object::KindKey;

use crate::cluster::Cluster;
use crate::history::{How, NAMESPACES, Which, kind_name};

impl Cluster {
    pub(crate) fn fault(&mut self, which: Which, how: How, times: Option<u8>) {
        let matcher = match which {
            Which::List(kind) => Matcher::kind(Verb::List, kind_name(kind)),
            Which::Watch(kind) => Matcher::kind(Verb::Watch, kind_name(kind)),
            Which::Group(kind) => Matcher::group(KindKey::from(kind_name(kind)).group()),
            Which::Namespace(namespace) => {
                let namespace = Some(NAMESPACES[usize::from(namespace)].to_owned());
                Matcher { namespace, ..Matcher::default() }
            }
            Which::Discovery => Matcher::verb(Verb::Discovery),
            Which::Reviews => Matcher::verb(Verb::Review),
            Which::Everything => Matcher::default(),
        };
        let action = match how {
            How::Status(status) => Action::Status(status),
            How::TooMany { retry_after } => Action::TooManyRequests { retry_after },
            How::Initializing => Action::Initializing,
            How::Expired => Action::Expired,
            How::NoAnswer => Action::NoAnswer,
            How::Late => Action::Late(std::time::Duration::from_secs(90)),
            How::Slow => Action::Slow { chunk: 50, pause: std::time::Duration::from_secs(2) },
            How::Silent => Action::Silent { after: 30 },
            How::Break(after) => Action::Break { after: usize::from(after) },
            How::Truncate(after) => Action::Truncate { after: usize::from(after) },
            How::Backwards => Action::RevisionBackwards(3),
            How::Garbage => Action::Garbage { after: 60 },
            How::Duplicate => Action::Duplicate,
            How::Reorder => Action::Reorder,
            How::JsonOnly => Action::JsonOnly,
            How::Html => Action::Html(502),
        };
        let fault = match times {
            Some(times) => Fault::times(u32::from(times), matcher, action),
            None => Fault::always(matcher, action),
        };
        if how == How::Status(403) {
            self.refused.push(which);
        }
        self.server.inject(fault);
    }
}
