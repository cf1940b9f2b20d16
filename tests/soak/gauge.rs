//! Memory and handles of a process, as Linux tells them; elsewhere nothing is measured.

use std::fs;

/// What was measured of one process.
pub(crate) struct Gauge {
    name: &'static str,
    id: u32,
    /// Handles before any work.
    handles: usize,
    most_handles: usize,
    /// Minute and KiB in memory.
    samples: Vec<(f64, f64)>,
}

impl Gauge {
    pub(crate) const HEADER: &'static str = "   name      KiB handles ";

    pub(crate) fn new(name: &'static str, id: u32) -> Self {
        Self { name, id, handles: handles(id), most_handles: 0, samples: Vec::new() }
    }

    pub(crate) fn sample(&mut self, minute: f64) {
        self.most_handles = self.most_handles.max(handles(self.id));
        self.samples.extend(memory(self.id).map(|memory| (minute, memory)));
    }

    pub(crate) fn shown(&self) -> String {
        let memory = self.samples.last().map_or(0.0, |last| last.1);
        format!("{:>7} {memory:>8.0} {:>7}", self.name, handles(self.id))
    }

    /// What is more than it may be, after that minute.
    pub(crate) fn breaches(&self, warm: f64, connections: usize) -> Vec<String> {
        let mut breaches = Vec::new();
        let grown = self.grown(warm);
        if grown > MOST_GROWN {
            breaches.push(format!("the {}'s memory has grown by {grown:.0} KiB", self.name));
        }
        if self.most_handles > self.handles + connections {
            breaches.push(format!(
                "the {} had {} handles, at first {}",
                self.name, self.most_handles, self.handles
            ));
        }
        let left = handles(self.id);
        if left != self.handles {
            breaches.push(format!("the {} has {left} handles left, at first {}", self.name, self.handles));
        }
        breaches
    }

    pub(crate) fn told(&self, warm: f64) -> String {
        let of = |sample: Option<&(f64, f64)>| sample.map_or(0.0, |sample| sample.1);
        format!(
            "{} {:.0} to {:.0} KiB ({:+.1} KiB a minute), handles {} to {} ({} at most)",
            self.name,
            of(self.after(warm).next()),
            of(self.samples.last()),
            self.slope(warm),
            self.handles,
            handles(self.id),
            self.most_handles,
        )
    }

    fn after(&self, warm: f64) -> impl Iterator<Item = &(f64, f64)> {
        self.samples.iter().filter(move |(minute, _)| *minute >= warm)
    }

    /// Mean of the last third less that of the first, in KiB.
    fn grown(&self, warm: f64) -> f64 {
        let all: Vec<f64> = self.after(warm).map(|(_, memory)| *memory).collect();
        let third = (all.len() / 3).max(1);
        let mean = |some: &[f64]| some.iter().sum::<f64>() / count(some.len());
        if all.is_empty() { 0.0 } else { mean(&all[all.len() - third..]) - mean(&all[..third]) }
    }

    /// Of the line through all samples, in KiB a minute.
    fn slope(&self, warm: f64) -> f64 {
        let all: Vec<(f64, f64)> = self.after(warm).copied().collect();
        let number = count(all.len());
        let (minutes, memory) = all
            .iter()
            .fold((0.0, 0.0), |sums, sample| (sums.0 + sample.0 / number, sums.1 + sample.1 / number));
        let (over, under) = all.iter().fold((0.0, 0.0), |sums, sample| {
            let away = sample.0 - minutes;
            (sums.0 + away * (sample.1 - memory), sums.1 + away * away)
        });
        if under == 0.0 { 0.0 } else { over / under }
    }
}

fn count(length: usize) -> f64 {
    u32::try_from(length.max(1)).map_or(f64::MAX, f64::from)
}

/// KiB in memory.
fn memory(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn handles(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}

/// KiB that may come and go with the load.
const MOST_GROWN: f64 = 3072.0;
