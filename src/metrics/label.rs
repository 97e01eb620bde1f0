//! Labels. Their values are closed sets: nothing that a client sends can become one.

/// A closed set of values of one label, each with a place of its own in an array of counters.
pub trait Label: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// The names of all values, each at its place.
    const NAMES: &'static [&'static str];

    /// Where this value is counted.
    fn place(self) -> usize;
}

/// What a metric is counted by: no label, one, or several.
pub trait Labels: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// How many combinations there are.
    const COUNT: usize;

    /// Where this combination is counted.
    fn place(self) -> usize;

    /// The labels of what is counted at `place`, in order.
    fn pairs(place: usize) -> Vec<(&'static str, &'static str)>;
}

impl Labels for () {
    const COUNT: usize = 1;

    fn place(self) -> usize {
        0
    }

    fn pairs(_: usize) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

impl<L: Label> Labels for L {
    const COUNT: usize = L::NAMES.len();

    fn place(self) -> usize {
        Label::place(self)
    }

    fn pairs(place: usize) -> Vec<(&'static str, &'static str)> {
        vec![(L::NAME, L::NAMES.get(place).copied().unwrap_or_default())]
    }
}

/// What may be missing has the value `none`, behind all others.
impl<L: Label> Labels for Option<L> {
    const COUNT: usize = L::NAMES.len() + 1;

    fn place(self) -> usize {
        self.map_or(L::NAMES.len(), Label::place)
    }

    fn pairs(place: usize) -> Vec<(&'static str, &'static str)> {
        vec![(L::NAME, L::NAMES.get(place).copied().unwrap_or("none"))]
    }
}

impl<A: Labels, B: Labels> Labels for (A, B) {
    const COUNT: usize = A::COUNT * B::COUNT;

    fn place(self) -> usize {
        self.0.place() * B::COUNT + self.1.place()
    }

    fn pairs(place: usize) -> Vec<(&'static str, &'static str)> {
        [A::pairs(place / B::COUNT), B::pairs(place % B::COUNT)].concat()
    }
}

impl<A: Labels, B: Labels, C: Labels> Labels for (A, B, C) {
    const COUNT: usize = A::COUNT * B::COUNT * C::COUNT;

    fn place(self) -> usize {
        (self.0, (self.1, self.2)).place()
    }

    fn pairs(place: usize) -> Vec<(&'static str, &'static str)> {
        <(A, (B, C))>::pairs(place)
    }
}

/// Makes an enum whose values have names, for logs and metrics: `Variant => "name"`.
macro_rules! closed_set {
    (
        $(#[$about:meta])*
        pub enum $set:ident = $label:literal {
            $($(#[$what:meta])* $value:ident => $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $set {
            $($(#[$what])* $value,)+
        }

        impl $set {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The name in metrics and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }

        impl $crate::metrics::Label for $set {
            const NAME: &'static str = $label;
            const NAMES: &'static [&'static str] = &[$($name),+];

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use closed_set;

#[cfg(test)]
mod tests {
    use super::{
        super::{Lookup, StreamKind},
        *,
    };

    #[test]
    fn every_combination_has_a_place_of_its_own_and_its_own_names() {
        let mut places = Vec::new();
        for lookup in Lookup::ALL {
            for kind in StreamKind::ALL.iter().copied().map(Some).chain([None]) {
                let place = (*lookup, kind, *lookup).place();
                let kind = kind.map_or("none", StreamKind::name);
                let expected = [("outcome", lookup.name()), ("kind", kind), ("outcome", lookup.name())];
                assert_eq!(<(Lookup, Option<StreamKind>, Lookup)>::pairs(place), expected);
                places.push(place);
            }
        }
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 8);
        assert!(places.iter().all(|place| *place < <(Lookup, Option<StreamKind>, Lookup)>::COUNT));
    }
}
