//! Money in pico-dollars (10⁻¹² USD), because single tokens cost that little.

use std::fmt;

/// An amount in pico-dollars, never negative; about 18 million dollars at most, saturating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub u64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount; stands for "without limit".
    pub const MAX: Self = Self(u64::MAX);
    /// Pico-dollars in a dollar.
    pub const PER_DOLLAR: u64 = 1_000_000_000_000;

    /// The amount for a number of micro-dollars.
    #[must_use]
    pub const fn micro_dollars(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000_000))
    }

    /// The amount for a number of dollars, to the nearest pico-dollar: exact for whatever a person writes. Above [`Money::MAX`] that; `None` for
    /// what is negative or no number.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        (dollars.is_finite() && dollars >= 0.0).then(|| Self((dollars * Self::PER_DOLLAR as f64).round() as u64))
    }

    /// US dollars.
    #[must_use]
    pub const fn dollars(self) -> f64 {
        self.0 as f64 / Self::PER_DOLLAR as f64
    }

    /// The sum, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, zero when `other` is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This price for `units` units, saturating.
    #[must_use]
    pub const fn times(self, units: u64) -> Self {
        Self(self.0.saturating_mul(units))
    }
}

impl fmt::Display for Money {
    /// `$0`, `$0.0135`, `$0.00000042`: as many decimals as are needed for two significant digits, four at least below a dollar.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.0 / Self::PER_DOLLAR;
        let rest = self.0 % Self::PER_DOLLAR;
        if self.0 == 0 {
            return f.write_str("$0");
        }
        if dollars > 0 {
            return write!(f, "${dollars}.{:02}", rest / (Self::PER_DOLLAR / 100));
        }
        let decimals = format!("{rest:012}");
        let first_digit = decimals.find(|digit| digit != '0').unwrap_or(0);
        write!(f, "$0.{}", &decimals[..(first_digit + 2).clamp(4, 12)])
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn amounts_print_with_their_significant_digits() {
        let shown = [0, 420_000, 13_500_000_000, 20_000_000_000, 1_250_000_000_000].map(|pico| Money(pico).to_string());
        assert_eq!(shown, ["$0", "$0.00000042", "$0.0135", "$0.0200", "$1.25"]);
    }

    #[test]
    fn dollars_are_rounded() {
        let cases = [
            (0.0, Some(0)),
            (1.001, Some(1_001_000_000_000)),
            (0.29, Some(290_000_000_000)),
            (4.35e-7, Some(435_000)),
            (6e-13, Some(1)),
            (1e9, Some(u64::MAX)),
            (-0.01, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ];
        for (dollars, pico) in cases {
            assert_eq!(Money::from_dollars(dollars), pico.map(Money), "{dollars}");
        }
        assert_eq!(Money(1_001_000_000_000).dollars().to_string(), "1.001");
    }
}
