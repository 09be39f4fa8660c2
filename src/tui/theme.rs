//! Colours. Only the sixteen that every terminal has, so that its own theme decides what they look like.

use ratatui::style::{Color, Modifier, Style};

/// Which colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// For dark backgrounds.
    #[default]
    Dark,
    /// For light backgrounds.
    Light,
    /// None: bold, underlined and reversed text alone.
    Plain,
}

impl Theme {
    /// What takes part in the query: its mark, the cursor's line.
    pub fn accent(self) -> Style {
        match self {
            Self::Dark => Style::new().fg(Color::Cyan),
            Self::Light => Style::new().fg(Color::Blue),
            Self::Plain => Style::new().add_modifier(Modifier::BOLD),
        }
    }

    /// What matched.
    pub fn hit(self) -> Style {
        match self {
            Self::Dark => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Self::Light => Style::new().fg(Color::Magenta).add_modifier(Modifier::BOLD),
            Self::Plain => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        }
    }

    /// What repeats or matters little.
    pub fn dim(self) -> Style {
        match self {
            Self::Dark => Style::new().fg(Color::DarkGray),
            Self::Light => Style::new().fg(Color::DarkGray),
            Self::Plain => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// What needs a person.
    pub fn bad(self) -> Style {
        match self {
            Self::Dark | Self::Light => Style::new().fg(Color::Red),
            Self::Plain => Style::new().add_modifier(Modifier::BOLD),
        }
    }

    /// What is as it should be.
    pub fn good(self) -> Style {
        match self {
            Self::Dark | Self::Light => Style::new().fg(Color::Green),
            Self::Plain => Style::new(),
        }
    }

    /// A mistake in the query.
    pub fn underlined(self) -> Style {
        self.bad().add_modifier(Modifier::UNDERLINED)
    }

    /// A heading.
    pub fn heading(self) -> Style {
        match self {
            Self::Dark | Self::Light => self.dim().add_modifier(Modifier::BOLD),
            Self::Plain => Style::new().add_modifier(Modifier::BOLD),
        }
    }

    /// The selected line.
    pub fn selected(self) -> Style {
        match self {
            Self::Dark | Self::Light => Style::new().add_modifier(Modifier::BOLD),
            Self::Plain => Style::new().add_modifier(Modifier::REVERSED),
        }
    }
}
