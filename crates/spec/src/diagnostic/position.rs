//! Lines and columns of places.

use super::Diagnostic;

/// A place in a text that is only ever left for a later one: many places cost no more than the text is long.
pub(super) struct Position<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'t> Position<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Gives the diagnostic its line and its column.
    pub(super) fn go_to(&mut self, diagnostic: &mut Diagnostic) {
        let at = self.text.floor_char_boundary(diagnostic.span.start.min(self.text.len()));
        let between = &self.text[self.at..at];
        let line = between.rsplit('\n').next().unwrap_or_default();
        let lines = between.matches('\n').count();
        self.column = if lines > 0 { 1 } else { self.column } + line.chars().count();
        (self.at, self.line) = (at, self.line + lines);
        (diagnostic.line, diagnostic.column) = (self.line, self.column);
    }
}
