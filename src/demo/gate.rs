//! Sockets that can go silent: open, but without a byte in either direction.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Opens and closes every socket behind it at once.
#[derive(Debug, Default, Clone)]
pub(super) struct Gate(Arc<Mutex<Closed>>);

#[derive(Debug, Default)]
struct Closed {
    closed: bool,
    /// Tasks that wait for the opening.
    waiting: Vec<Waker>,
}

impl Gate {
    pub(super) fn set_closed(&self, closed: bool) {
        let mut state = self.state();
        state.closed = closed;
        if !closed {
            state.waiting.drain(..).for_each(Waker::wake);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Puts a socket behind the gate.
    pub(super) fn guard<T>(&self, socket: T) -> Guarded<T> {
        Guarded { socket, gate: self.clone() }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.closed {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, Closed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket behind a gate.
pub(super) struct Guarded<T> {
    socket: T,
    gate: Gate,
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.gate.poll(cx));
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.gate.poll(cx));
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.gate.poll(cx));
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
