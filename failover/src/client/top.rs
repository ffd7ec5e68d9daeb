//! `lbctl top`: the frontends, servers and backends of this node's balancer and of the partner's, asked
//! again and again over their runtime sockets, with hatop's views and keys.
//!
//! A thread for each balancer asks it, one reads keys; the screen is drawn when something came.

mod draw;
mod place;
mod sample;
mod state;
mod views;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event as Input, KeyEvent, KeyEventKind};

use place::Place;
use sample::{QUESTION, Sample};
use state::{Outcome, Top};

/// Runs the command with the words behind it.
///
/// # Errors
/// When the words are wrong, or there is no terminal.
pub(super) fn main(words: &[String]) -> Result<bool, String> {
    let options = Options::parse(words)?;
    let own = options.balancer.unwrap_or_else(place::own);
    let partner = options.peer.or_else(place::partner);
    let places: Vec<_> = std::iter::once(own).chain(partner).collect();
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(
            "top needs a terminal; 'show stat' on the runtime socket is for programs".into(),
        );
    }
    // The terminal is put right again before the end, whoever asks for it.
    let endings = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    endings.thread_block().map_err(|e| e.to_string())?;
    let (sender, events) = sync_channel(QUEUE);
    let names = places.iter().map(Place::to_string).collect();
    let mut orders = Vec::new();
    for (node, place) in places.into_iter().enumerate() {
        let (order, ordered) = sync_channel(QUEUE);
        orders.push(order);
        let sender = sender.clone();
        let interval = options.interval;
        thread::spawn(move || follow(node, &place, interval, &ordered, &sender));
    }
    let ending = sender.clone();
    thread::spawn(move || {
        let _ = endings.wait();
        let _ = ending.send(Event::End);
    });
    let mut terminal = ratatui::try_init().map_err(|error| format!("terminal: {error}"))?;
    thread::spawn(move || read_keys(&sender));
    let top = Top::new(names, options.is_read_only);
    let ended = show(&mut terminal, top, &events, &orders);
    ratatui::restore();
    ended.map(|()| true)
}

/// What the words say.
#[derive(Debug, PartialEq)]
struct Options {
    balancer: Option<Place>,
    peer: Option<Place>,
    interval: Duration,
    is_read_only: bool,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self {
            balancer: None,
            peer: None,
            interval: INTERVAL,
            is_read_only: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--balancer" => options.balancer = Some(Place::parse(value()?)?),
                "--peer" => options.peer = Some(Place::parse(value()?)?),
                "--interval" => {
                    let seconds = value()?.parse().ok().filter(|s| (1..=3600).contains(s));
                    let seconds = seconds.ok_or("--interval takes 1 to 3600 seconds")?;
                    options.interval = Duration::from_secs(seconds);
                }
                "--read-only" => options.is_read_only = true,
                other => return Err(format!("top does not know '{other}'")),
            }
        }
        Ok(options)
    }
}

/// What happens.
#[derive(Debug)]
enum Event {
    /// A node's answer to an order.
    Answer(Result<String, String>),
    /// A signal, or no more keys.
    End,
    Key(KeyEvent),
    /// The terminal has another size.
    Resize,
    /// What a node shows.
    Sample(usize, Result<Sample, String>),
}

/// Asks a node until nobody listens; at once after an order.
fn follow(
    node: usize,
    place: &Place,
    interval: Duration,
    orders: &Receiver<String>,
    events: &SyncSender<Event>,
) {
    loop {
        let said = place.ask(QUESTION).and_then(|text| Sample::parse(&text));
        if events.send(Event::Sample(node, said)).is_err() {
            return;
        }
        match orders.recv_timeout(interval) {
            Ok(order) => {
                if events.send(Event::Answer(place.ask(&order))).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn read_keys(events: &SyncSender<Event>) {
    loop {
        let event = match event::read() {
            Ok(Input::Key(key)) if key.kind != KeyEventKind::Release => Event::Key(key),
            Ok(Input::Resize(..)) => Event::Resize,
            Ok(_) => continue,
            Err(_) => Event::End,
        };
        let is_last = matches!(event, Event::End);
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Draws and does what events say until one says the end.
fn show(
    terminal: &mut DefaultTerminal,
    mut top: Top,
    events: &Receiver<Event>,
    orders: &[SyncSender<String>],
) -> Result<(), String> {
    loop {
        let drawn = terminal.draw(|frame| draw::draw(&mut top, frame));
        drawn.map_err(|error| format!("terminal: {error}"))?;
        // What came together is drawn together.
        let mut next = events.recv().map_err(|_| "nobody asks any more")?;
        loop {
            match next {
                Event::Answer(answer) => top.answer(&answer),
                Event::End => return Ok(()),
                Event::Key(key) => match top.key(key) {
                    Outcome::Quit => return Ok(()),
                    Outcome::Stay => {}
                    Outcome::Order(node, command) => {
                        if orders[node].try_send(command).is_err() {
                            top.message = "earlier orders have no answer yet".to_owned();
                        }
                    }
                },
                Event::Resize => {}
                Event::Sample(node, said) => top.take(node, said),
            }
            next = match events.try_recv() {
                Ok(event) => event,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            };
        }
    }
}

/// hatop's.
const INTERVAL: Duration = Duration::from_secs(3);
/// Orders, and events, that may wait.
const QUEUE: usize = 64;

#[cfg(test)]
mod tests;
