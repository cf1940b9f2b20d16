//! The shape of every typed class: a field per property, read from an instance.

/// A class with its properties.
macro_rules! class {
    ($(#[$doc:meta])* $name:ident = $class:literal {
        $($(#[$field_doc:meta])* $field:ident: $kind:ty = $property:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $name {
            /// Name of the class.
            pub const CLASS: &'static str = $class;

            /// Reads the properties. One that is null or absent gives `None` or no elements; null elements of an
            /// array are left out. The class that the instance names is not looked at, since a projection has none.
            ///
            /// # Errors
            /// A property holds a value of another type.
            pub fn from_instance(
                instance: &$crate::cim::Instance,
            ) -> Result<Self, $crate::msvm::property::PropertyError> {
                Ok(Self {
                    $($field: $crate::msvm::property::read(instance, $class, $property)?,)*
                })
            }
        }
    };
}
