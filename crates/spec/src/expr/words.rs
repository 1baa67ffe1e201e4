//! The words of MiniJinja that a source may use. What is not listed here is not in the environment either.

/// Functions.
pub(super) const FUNCTIONS: [&str; 2] = ["range", "dict"];

/// Filters.
pub(super) const FILTERS: [&str; 44] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "count",
    "cut",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// Filters whose work does not grow with what is inside their value.
pub(super) const LIGHT_FILTERS: [&str; 11] =
    ["abs", "bool", "count", "d", "default", "first", "float", "int", "last", "length", "round"];

/// Filters of MiniJinja that are left out: they escape for HTML, print for a debugger, or look through several maps at once.
pub(super) const FILTERS_OUT: [&str; 5] = ["chain", "e", "escape", "pprint", "safe"];

/// Tests.
pub(super) const TESTS: [&str; 38] = [
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Tests whose work does not grow with what is inside their value.
pub(super) const LIGHT_TESTS: [&str; 17] = [
    "boolean",
    "defined",
    "divisibleby",
    "even",
    "false",
    "float",
    "int",
    "integer",
    "iterable",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
];

/// Tests of MiniJinja that are left out: they ask about escaping, and about the environment.
pub(super) const TESTS_OUT: [&str; 4] = ["escaped", "filter", "safe", "test"];

/// Functions of MiniJinja that are left out. A `namespace` in a loop would make values that are deeper than any stack.
pub(super) const FUNCTIONS_OUT: [&str; 2] = ["debug", "namespace"];
