//! A column of names: as wide as the widest so far, within bounds; what is wider yet is shortened in its middle.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns of names at least, and at most.
const WIDTH_MIN: usize = 28;
const WIDTH_MAX: usize = 48;

/// How wide it is.
#[derive(Clone, Copy)]
pub(super) struct Column(usize);

impl Default for Column {
    fn default() -> Self {
        Self(WIDTH_MIN)
    }
}

impl Column {
    /// Of these names, as narrow as they allow.
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self(names.map(|name| name.width()).max().unwrap_or(0).min(WIDTH_MAX))
    }

    /// From now on there is room for this name.
    pub(super) fn widen(&mut self, name: &str) {
        self.0 = self.0.max(name.width().min(WIDTH_MAX));
    }

    /// The name as wide as the column is.
    pub(super) fn fit(self, name: &str) -> String {
        let (width, most) = (name.width(), self.0.max(1));
        if width <= most {
            return format!("{name}{}", " ".repeat(most - width));
        }
        // Where it comes from says less than what it is: more is left of its end.
        let (head, tail) = ((most - 1) / 3, most - 1 - (most - 1) / 3);
        let (head, tail) = (taken(name.chars(), head), taken(name.chars().rev(), tail));
        let short = format!("{head}…{}", tail.chars().rev().collect::<String>());
        let pad = most.saturating_sub(short.width());
        short + &" ".repeat(pad)
    }
}

/// As many as there is room for.
fn taken(chars: impl Iterator<Item = char>, most: usize) -> String {
    let mut left = most;
    let fits = |letter: &char| {
        let room = left.checked_sub(letter.width().unwrap_or(0));
        left = room.unwrap_or(left);
        room.is_some()
    };
    chars.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn names_stand_in_a_column_that_grows_to_a_bound() {
        let mut column = Column::default();
        let names = [
            "draft",
            "studio[3]/loop#2/render/picture",
            "draft",
            "studio[3]/loop#2/render/a-name-that-nobody-would-type/picture-of-it",
            "工作室[3]/渲染渲染渲染渲染渲染渲染渲染渲染渲染渲染渲染渲染/图片",
            "",
        ];
        let mut lines: Vec<String> = Vec::new();
        for name in names {
            column.widen(name);
            lines.push(format!("{}|", column.fit(name)));
        }
        let narrow = Column::of(["a", "abc"].into_iter());
        lines.extend(["a", "abc", "abcdef"].map(|name| format!("{}|", narrow.fit(name))));
        insta::assert_snapshot!(lines.join("\n"), @"
        draft                       |
        studio[3]/loop#2/render/picture|
        draft                          |
        studio[3]/loop#…-nobody-would-type/picture-of-it|
        工作室[3]/渲染…染渲染渲染渲染渲染渲染渲染/图片  |
                                                        |
        a  |
        abc|
        …ef|
        ");
    }
}
