//! The shape of every enumeration: the documented numbers, and any other number as it came.

/// An enumeration of a value map.
macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident: $number:ty { $($variant:ident = $code:literal => $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $label, "`, ", $code)]
                $variant,
            )*
            /// A number that the documentation does not list.
            Unlisted($number),
        }

        impl $name {
            /// All documented values, in ascending order.
            pub const LISTED: &'static [Self] = &[$(Self::$variant,)*];

            /// The number.
            pub const fn code(self) -> $number {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unlisted(code) => code,
                }
            }

            /// The documented label, or `unknown value N`.
            pub fn label(self) -> std::borrow::Cow<'static, str> {
                match self {
                    $(Self::$variant => std::borrow::Cow::Borrowed($label),)*
                    Self::Unlisted(code) => std::borrow::Cow::Owned(format!("unknown value {code}")),
                }
            }
        }

        impl From<$number> for $name {
            fn from(code: $number) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Unlisted(other),
                }
            }
        }

        impl From<$name> for $number {
            fn from(value: $name) -> Self {
                value.code()
            }
        }

        impl From<$name> for $crate::cim::Value {
            fn from(value: $name) -> Self {
                $crate::msvm::property::Number::to_value(value.code())
            }
        }

        impl $crate::msvm::property::Scalar for $name {
            const KIND: $crate::cim::Type = <$number as $crate::msvm::property::Scalar>::KIND;

            fn from_value(value: &$crate::cim::Value) -> Option<Self> {
                <$number as $crate::msvm::property::Scalar>::from_value(value).map(Self::from)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.label())
            }
        }
    };
}
