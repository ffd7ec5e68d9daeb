//! What `early-hint` rules put together: a 103 response for each run of rules that follow each other
//! (haproxy 3.4 configuration 4.3, `early-hint`).
//!
//! It sends nothing.

use lbd_http::{Head, HeadFull};

/// The responses to be sent before the final one.
#[derive(Debug, Default)]
pub struct EarlyHints {
    heads: Vec<Head>,
    /// The next rule adds to the last response when it adds anything.
    is_open: bool,
    /// The rule that runs has added something.
    has_grown: bool,
}

impl EarlyHints {
    /// Adds a field to the response that the rule just before has begun, else to a new one.
    ///
    /// # Errors
    /// When the response has no room for it.
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFull> {
        if !self.is_open {
            let mut head = Head::new();
            head.start_response(b"HTTP/1.1", 103, b"Early Hints")?;
            self.heads.push(head);
            self.is_open = true;
        }
        self.has_grown = true;
        match self.heads.last_mut() {
            Some(head) => head.add(name, value),
            None => Ok(()),
        }
    }

    /// A rule has run: one that added nothing ends the response.
    pub(crate) fn after_rule(&mut self) {
        self.is_open = std::mem::take(&mut self.has_grown);
    }

    /// The responses in their order.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }
}
