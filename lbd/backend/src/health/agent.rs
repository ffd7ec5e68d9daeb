//! What an agent says in a line, and what operators say in the same words.
//!
//! It changes nothing: the machine applies the reply (haproxy 3.4 configuration 5.2,
//! `agent-check`).

/// What an agent says about health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWord {
    /// Up, or down in one of its three words.
    pub up: bool,
    /// The word as it was written.
    pub word: String,
}

/// What an agent says about administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentAdmin {
    /// `drain`.
    Drain,
    /// `maint`.
    Maint,
    /// `ready`.
    Ready,
}

/// A line of an agent; of several words of a kind the last one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentReply {
    /// `up`, `down`, `stopped`, `fail`.
    pub health: Option<AgentWord>,
    /// `ready`, `drain`, `maint`.
    pub admin: Option<AgentAdmin>,
    /// Weight as written: `75%` or what follows `weight:`.
    pub weight: Option<String>,
    /// What follows `maxconn:`.
    pub maxconn: Option<String>,
    /// The first word that has no meaning.
    pub unknown: Option<String>,
    /// What follows `#`.
    pub description: String,
    /// The agent closed before the end of the line.
    pub incomplete: bool,
}

/// Decodes the first line of `data`. `None` while the line is not complete and more may come.
pub fn decode_agent(data: &[u8], closed: bool) -> Option<AgentReply> {
    let Some(end) = data.iter().position(|b| matches!(b, b'\n' | b'\r' | 0)) else {
        return closed.then(|| AgentReply {
            incomplete: true,
            ..AgentReply::default()
        });
    };
    if data[end] == 0 {
        return closed.then(|| AgentReply {
            incomplete: true,
            ..AgentReply::default()
        });
    }
    let line = String::from_utf8_lossy(&data[..end]);
    let mut reply = AgentReply::default();
    let mut rest: &str = &line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(description) = rest.strip_prefix('#') {
            reply.description = description.trim_start_matches([' ', '\t']).to_owned();
            return Some(reply);
        }
        let at = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(at);
        if word.is_empty() {
            return Some(reply);
        }
        reply.take(word);
        rest = tail;
    }
}

impl AgentReply {
    fn take(&mut self, word: &str) {
        let after = |prefix: &str| {
            let start = word.get(..prefix.len())?;
            start
                .eq_ignore_ascii_case(prefix)
                .then(|| word[prefix.len()..].to_owned())
        };
        let health = |up| {
            Some(AgentWord {
                up,
                word: word.to_owned(),
            })
        };
        match word.to_ascii_lowercase().as_str() {
            "up" => self.health = health(true),
            "down" | "stopped" | "fail" => self.health = health(false),
            "ready" => self.admin = Some(AgentAdmin::Ready),
            "drain" => self.admin = Some(AgentAdmin::Drain),
            "maint" => self.admin = Some(AgentAdmin::Maint),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('%') => {
                self.weight = Some(word.to_owned());
            }
            _ => match (after("maxconn:"), after("weight:")) {
                (Some(maxconn), _) => self.maxconn = Some(maxconn),
                (_, Some(weight)) => self.weight = Some(weight),
                _ => {
                    self.unknown.get_or_insert_with(|| word.to_owned());
                }
            },
        }
    }
}

/// The weight that `text` (`50%`, `12`) asks for, given the configured one.
///
/// # Errors
/// The sentence that the reference answers, when the text is no weight or the algorithm is static
/// and the weight neither 0 nor the configured one.
pub fn parse_weight_change(
    text: &str,
    configured: u32,
    dynamic: bool,
) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Err("Require <weight> or <weight%>.");
    }
    let Some((number, rest)) = leading_number(text) else {
        return Err("Empty weight string empty or preceded by garbage");
    };
    let weight = if rest == "%" {
        if number < 0 {
            return Err("Relative weight must be positive.");
        }
        (i64::from(configured) * number.min(25_600) / 100).min(256)
    } else if !(0..=256).contains(&number) {
        return Err("Absolute weight can only be between 0 and 256 inclusive.");
    } else if !rest.is_empty() {
        return Err("Trailing garbage in weight string");
    } else {
        number
    };
    let weight = u32::try_from(weight).unwrap_or(0);
    if weight != 0 && weight != configured && !dynamic {
        return Err(
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
        );
    }
    Ok(weight)
}

/// The `maxconn` that `text` asks for.
///
/// # Errors
/// The sentence that the reference answers, when the text is no number.
pub fn parse_maxconn_change(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Err("Require <maxconn>.");
    }
    match leading_number(text) {
        None => Err("maxconn string empty or preceded by garbage"),
        Some((_, rest)) if !rest.is_empty() => Err("Trailing garbage in maxconn string"),
        Some((number, _)) => {
            u32::try_from(number).map_err(|_| "maxconn string empty or preceded by garbage")
        }
    }
}

fn leading_number(text: &str) -> Option<(i64, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let digits = unsigned
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(unsigned.len());
    if digits == 0 {
        return None;
    }
    let (number, rest) = text.split_at(sign + digits);
    let limit = if number.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Some((number.parse().unwrap_or(limit), rest))
}
