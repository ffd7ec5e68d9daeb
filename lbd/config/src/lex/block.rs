//! The `.if` blocks that are open at one place of a file.
//!
//! It evaluates no condition: it says when one is wanted and takes its value.

use super::MAX_NESTED_CONDITIONS;

/// Open blocks, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Block>);

#[derive(Debug)]
struct Block {
    /// Where it begins.
    line: u32,
    branch: Branch,
    in_else: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// An earlier branch was taken, or the condition could not be read: take no other.
    Done,
    /// The whole block lies in a branch that is not taken.
    Masked,
    /// No branch was taken so far.
    Pending,
    /// This one.
    Taken,
}

impl Blocks {
    /// Whether the lines here are left out.
    pub(super) fn masked(&self) -> bool {
        self.0
            .last()
            .is_some_and(|block| block.branch != Branch::Taken)
    }

    /// Line at which the innermost open block begins.
    pub(super) fn unclosed(&self) -> Option<u32> {
        self.0.last().map(|block| block.line)
    }

    /// `.if`: whether its condition is wanted; `None` when there are too many blocks.
    pub(super) fn enter(&mut self, line: u32) -> Option<bool> {
        if self.0.len() + 1 >= MAX_NESTED_CONDITIONS {
            return None;
        }
        let masked = self.masked();
        self.0.push(Block {
            line,
            branch: match masked {
                true => Branch::Masked,
                false => Branch::Pending,
            },
            in_else: false,
        });
        Some(!masked)
    }

    /// `.elif`: whether its condition is wanted.
    pub(super) fn elif(&mut self) -> Result<bool, &'static str> {
        let block = self
            .0
            .last_mut()
            .ok_or("lone '.elif' with no matching '.if'")?;
        if block.in_else {
            return Err("'.elif' after '.else' is not permitted");
        }
        if block.branch == Branch::Taken {
            block.branch = Branch::Done;
        }
        Ok(block.branch == Branch::Pending)
    }

    /// The value of the condition that was wanted; `None` when it could not be read, then no
    /// branch is taken.
    pub(super) fn decide(&mut self, value: Option<bool>) {
        if let Some(block) = self.0.last_mut() {
            block.branch = match value {
                Some(true) => Branch::Taken,
                Some(false) => Branch::Pending,
                None => Branch::Done,
            };
        }
    }

    /// `.else`.
    pub(super) fn otherwise(&mut self) -> Result<(), &'static str> {
        let block = self
            .0
            .last_mut()
            .ok_or("lone '.else' with no matching '.if'")?;
        if block.in_else {
            return Err("'.else' after '.else' is not permitted");
        }
        block.in_else = true;
        block.branch = match block.branch {
            Branch::Pending => Branch::Taken,
            Branch::Taken => Branch::Done,
            other => other,
        };
        Ok(())
    }

    /// `.endif`.
    pub(super) fn leave(&mut self) -> Result<(), &'static str> {
        match self.0.pop() {
            Some(_) => Ok(()),
            None => Err("lone '.endif' with no matching '.if'"),
        }
    }
}
