//! How long attempts take: a histogram in quarters of doublings, from which quantiles are read. Two of them add up to one. What was long ago is
//! forgotten little by little, so that a drift is followed.

use agendum_types::Duration;

use crate::checkpoint::SketchKept;

/// A step of the histogram begins at a power of two, or at a quarter, a half or three quarters on the way to the next; the first at nothing.
const STEPS: usize = 112;
/// Below so many microseconds all is one step.
const LEAST_BITS: u32 = 8;
/// What samples of an earlier life took together is no more: nine years each.
const SUM_MAX: u64 = 1 << 56;
/// Samples after which all counts are halved.
const SEEN_MAX: u32 = 256;

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    steps: [u16; STEPS],
    seen: u32,
    /// Of the samples that still count, in microseconds.
    sum: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { steps: [0; STEPS], seen: 0, sum: 0 }
    }
}

impl Sketch {
    /// Takes in a sample.
    pub(crate) fn take(&mut self, took: Duration) {
        if self.seen == SEEN_MAX {
            self.steps.iter_mut().for_each(|count| *count /= 2);
            let left = self.steps.iter().map(|count| u32::from(*count)).sum();
            self.sum = self.sum / u64::from(self.seen) * u64::from(left);
            self.seen = left;
        }
        self.steps[step(took)] += 1;
        self.seen += 1;
        self.sum = self.sum.saturating_add(took.as_micros());
    }

    pub(crate) fn kept(&self) -> SketchKept {
        let steps = (0..).zip(self.steps).filter(|(_, count)| *count > 0).collect();
        SketchKept { sum: self.sum, steps }
    }

    pub(crate) fn remembered(kept: &SketchKept) -> Self {
        let mut sketch = Self { sum: kept.sum.min(SUM_MAX), ..Self::default() };
        for (step, count) in &kept.steps {
            let room = u16::try_from(SEEN_MAX - sketch.seen).unwrap_or(u16::MAX);
            if let Some(of) = sketch.steps.get_mut(usize::from(*step)) {
                let count = (*count).min(room);
                *of += count;
                sketch.seen += u32::from(count);
            }
        }
        sketch
    }

    /// True if so many samples count, or as many as ever do.
    pub(crate) fn has_seen(&self, samples: u32) -> bool {
        self.seen >= samples.min(SEEN_MAX / 2)
    }

    /// So many of a hundred were not slower than this; of nothing seen nothing.
    pub(crate) fn quantile(&self, percent: u8) -> Duration {
        // The middle of its step.
        self.reached(percent).map_or(Duration::ZERO, middle)
    }

    /// So many of a hundred were not slower than this, and what is slower is so by more than the histogram can tell.
    pub(crate) fn above(&self, percent: u8) -> Duration {
        self.reached(percent).map_or(Duration::ZERO, |index| Duration(begin(index + 1)))
    }

    /// So many of a hundred were not slower than this, and what is quicker is so by more than the histogram can tell.
    pub(crate) fn below(&self, percent: u8) -> Duration {
        self.reached(percent).map_or(Duration::ZERO, |index| Duration(begin(index)))
    }

    /// The step in which a quantile stands.
    fn reached(&self, percent: u8) -> Option<usize> {
        let rank = (u64::from(self.seen) * u64::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        self.steps.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        })
    }

    /// So many of a thousand were slower than this; of nothing seen nothing.
    pub(crate) fn slower(&self, than: Duration) -> u64 {
        let is_slower = |index: &usize| middle(*index) > than;
        let first = (0..STEPS).find(is_slower).unwrap_or(STEPS);
        let slower: u64 = self.steps[first..].iter().map(|count| u64::from(*count)).sum();
        (slower * 1_000).checked_div(u64::from(self.seen)).unwrap_or_default()
    }

    /// Their mean.
    pub(crate) fn mean(&self) -> Duration {
        Duration(self.sum.checked_div(u64::from(self.seen)).unwrap_or_default())
    }
}

/// The quarter of a doubling in which a number stands; 0 and 1 are one.
pub(crate) fn quarter(number: u64) -> u8 {
    let number = number.max(1);
    let exponent = number.ilog2();
    let quarter = if exponent < 2 { number << (2 - exponent) } else { number >> (exponent - 2) } & 3;
    (4 * exponent) as u8 + quarter as u8
}

/// The least and the greatest number of a quarter of a doubling.
pub(crate) fn of_quarter(step: u8) -> (u64, u64) {
    let begin = |step: u16| {
        let (exponent, quarter) = (u32::from(step / 4), u128::from(step % 4));
        (1 << exponent) + (quarter << exponent) / 4
    };
    let (from, next) = (begin(step.into()), begin(u16::from(step) + 1));
    let greatest = u64::try_from(next - 1).unwrap_or(u64::MAX);
    if step == 0 { (0, 1) } else { (from as u64, greatest.max(from as u64)) }
}

fn step(took: Duration) -> usize {
    let above = usize::from(quarter(took.as_micros().max(1 << LEAST_BITS))) - 4 * LEAST_BITS as usize;
    above.min(STEPS - 1)
}

fn middle(index: usize) -> Duration {
    Duration(begin(index).midpoint(begin(index + 1)))
}

/// Where a step begins, in microseconds.
fn begin(index: usize) -> u64 {
    if index == 0 {
        return 0;
    }
    let (exponent, quarter) = (index as u32 / 4 + LEAST_BITS, index as u64 % 4);
    (1 << exponent) + quarter * (1 << (exponent - 2))
}

#[cfg(test)]
mod tests {
    use agendum_types::Duration;

    use super::Sketch;

    #[test]
    fn quarters_of_doublings_lie_side_by_side() {
        for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 1 << 40, u64::MAX] {
            let step = super::quarter(number);
            let (from, to) = super::of_quarter(step);
            assert!((from..=to).contains(&number) && (to - from) * 4 <= from.max(4), "{number}: {from} to {to}");
            assert_eq!([from, to].map(super::quarter), [step; 2]);
            assert!(to == u64::MAX || super::quarter(to + 1) > step, "{number}");
        }
    }

    #[test]
    fn quantiles_are_within_an_eighth_and_follow_a_drift() {
        let mut sketch = Sketch::default();
        assert_eq!((sketch.quantile(50), sketch.mean()), (Duration::ZERO, Duration::ZERO));
        for millis in 1..=100 {
            sketch.take(Duration::millis(millis));
        }
        for (percent, exact) in [(10, 10), (50, 50), (75, 75), (99, 99)] {
            let read = sketch.quantile(percent).as_micros() / 1_000;
            assert!(read.abs_diff(exact) * 8 <= exact, "{percent}: {read} ms");
            let slower = sketch.slower(Duration::millis(exact)) / 10;
            assert!(slower.abs_diff(100 - exact) * 8 <= exact, "{percent}: {slower} % are slower");
        }
        assert_eq!(sketch.mean(), Duration(50_500));
        for _ in 0..400 {
            sketch.take(Duration::secs(2));
        }
        assert!(sketch.quantile(10) > Duration::secs(1), "what was long ago is forgotten");
        sketch.take(Duration::secs(1_000_000_000));
        assert!(sketch.quantile(100) < Duration::secs(1_000_000), "the last step has an end");
    }
}
