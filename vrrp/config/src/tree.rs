//! Lines to items: a keyword with its words, and a block in braces if it has one.

use lbd_core::{Diag, Diags, Span};

use crate::lex::{Line, Word};

/// A keyword with what follows it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The first is the keyword; never empty.
    pub(crate) words: Vec<Word>,
    pub(crate) block: Option<Vec<Self>>,
}

impl Item {
    pub(crate) fn keyword(&self) -> &str {
        &self.words[0].text
    }

    pub(crate) fn span(&self) -> Span {
        self.words[0].span
    }

    /// The words after the keyword.
    pub(crate) fn values(&self) -> &[Word] {
        &self.words[1..]
    }
}

/// Finds the blocks; braces that do not match are told.
pub(crate) fn build(lines: Vec<Line>, diags: &mut Diags) -> Vec<Item> {
    let mut open: Vec<Item> = Vec::new();
    let mut top: Vec<Item> = Vec::new();
    for line in lines {
        let mut words: Vec<Word> = Vec::new();
        for word in line.words {
            let brace = if word.is_quoted { "" } else { &word.text };
            match brace {
                "{" => begin(&mut open, &mut top, std::mem::take(&mut words), word, diags),
                "}" => {
                    put(&mut open, &mut top, std::mem::take(&mut words));
                    match open.pop() {
                        Some(item) => place(&mut open, &mut top, item),
                        None => diags.push(
                            Diag::alert(word.span, "extra '}' found")
                                .hint("Remove it, or find the block that was closed too early."),
                        ),
                    }
                }
                _ => words.push(word),
            }
        }
        put(&mut open, &mut top, words);
    }
    if let Some(first) = open.first() {
        let text = format!(
            "there are {} missing '}}'s or extra '{{'s; the first block without an end is '{}'",
            open.len(),
            first.keyword()
        );
        diags.push(Diag::alert(first.span(), text));
    }
    while let Some(item) = open.pop() {
        place(&mut open, &mut top, item);
    }
    top
}

/// A block begins; a brace on a line of its own belongs to the item before it.
fn begin(
    open: &mut Vec<Item>,
    top: &mut Vec<Item>,
    words: Vec<Word>,
    brace: Word,
    diags: &mut Diags,
) {
    if open.len() >= MAX_DEPTH {
        diags.push(Diag::alert(brace.span, "blocks too deep"));
        return;
    }
    if !words.is_empty() {
        open.push(Item {
            words,
            block: Some(Vec::new()),
        });
        return;
    }
    let around = match open.last_mut().and_then(|item| item.block.as_mut()) {
        Some(block) => block,
        None => top,
    };
    match around.pop() {
        Some(mut item) if item.block.is_none() => {
            item.block = Some(Vec::new());
            open.push(item);
        }
        Some(item) => {
            around.push(item);
            diags.push(Diag::alert(brace.span, "unexpected '{'"));
            open.push(Item {
                words: vec![brace],
                block: Some(Vec::new()),
            });
        }
        None => {
            diags.push(Diag::alert(brace.span, "unexpected '{'"));
            open.push(Item {
                words: vec![brace],
                block: Some(Vec::new()),
            });
        }
    }
}

fn put(open: &mut [Item], top: &mut Vec<Item>, words: Vec<Word>) {
    if !words.is_empty() {
        place(open, top, Item { words, block: None });
    }
}

fn place(open: &mut [Item], top: &mut Vec<Item>, item: Item) {
    match open.last_mut().and_then(|around| around.block.as_mut()) {
        Some(block) => block.push(item),
        None => top.push(item),
    }
}

/// Blocks within blocks; keepalived's deepest is 4.
const MAX_DEPTH: usize = 16;
