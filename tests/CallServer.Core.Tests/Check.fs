namespace CallServer.Tests

open System
open System.Collections.Generic
open System.Text.RegularExpressions
open Expecto

/// What a test expects of a value: `value |> Check.equal 3`.
module Check =
    let private judge (isRight: bool) (expected: string) (actual: 'T) : unit =
        if not isRight then
            failtest $"Expected: {expected}\nBut was:\n%A{actual}"

    /// The same check with a reason, which is printed above the finding if it fails.
    let because (reason: string) (check: 'T -> unit) (actual: 'T) : unit =
        try
            check actual
        with :? AssertException as failure ->
            failtest $"{reason}\n{failure.Message}"

    /// Several checks of one value.
    let all (checks: ('T -> unit) list) (actual: 'T) : unit =
        for check in checks do
            check actual

    /// Structural equality, with both sides in the message.
    let equal (expected: 'T) (actual: 'T) : unit =
        if actual <> expected then
            failtest $"Expected:\n%A{expected}\nBut was:\n%A{actual}"

    let notEqual (other: 'T) (actual: 'T) : unit = judge (actual <> other) $"anything but %A{other}" actual
    let isTrue (actual: bool) : unit = judge actual "true" actual
    let isFalse (actual: bool) : unit = judge (not actual) "false" actual
    let isNull (actual: 'T) : unit = judge (obj.ReferenceEquals(actual, null)) "null" actual
    let isNotNull (actual: 'T) : unit = judge (not (obj.ReferenceEquals(actual, null))) "not null" actual

    /// Reference equality.
    let same (expected: 'T) (actual: 'T) : unit =
        judge (obj.ReferenceEquals(actual, expected)) $"the same object as %A{expected}" actual

    let notSame (other: 'T) (actual: 'T) : unit =
        judge (not (obj.ReferenceEquals(actual, other))) $"another object than %A{other}" actual

    let below (limit: 'T) (actual: 'T) : unit = judge (actual < limit) $"less than %A{limit}" actual
    let above (limit: 'T) (actual: 'T) : unit = judge (actual > limit) $"greater than %A{limit}" actual
    let atMost (limit: 'T) (actual: 'T) : unit = judge (actual <= limit) $"at most %A{limit}" actual
    let atLeast (limit: 'T) (actual: 'T) : unit = judge (actual >= limit) $"at least %A{limit}" actual

    /// Both ends belong to the range.
    let between (least: 'T) (most: 'T) (actual: 'T) : unit =
        judge (actual >= least && actual <= most) $"from %A{least} to %A{most}" actual

    /// At most this far away, on either side.
    let inline near (away: 'T) (expected: 'T) (actual: 'T) : unit =
        between (expected - away) (expected + away) actual

    let isEmpty (actual: seq<'T>) : unit = judge (Seq.isEmpty actual) "nothing" actual
    let isNotEmpty (actual: seq<'T>) : unit = judge (not (Seq.isEmpty actual)) "something" actual

    let hasLength (length: int) (actual: seq<'T>) : unit =
        judge (Seq.length actual = length) $"{length} of them" actual

    let contains (item: 'T) (actual: seq<'T>) : unit =
        judge (Seq.contains item actual) $"%A{item} among them" actual

    let lacks (item: 'T) (actual: seq<'T>) : unit =
        judge (not (Seq.contains item actual)) $"no %A{item} among them" actual

    /// The same items in any order, each the same number of times.
    let sameItems (expected: seq<'T>) (actual: seq<'T>) : unit =
        let counted = HashSet(Seq.countBy id expected)
        judge (counted.SetEquals(Seq.countBy id actual)) $"in any order %A{expected}" actual

    let isUnique (actual: seq<'T>) : unit =
        judge (Seq.length (Seq.distinct actual) = Seq.length actual) "no item twice" actual

    let isOrdered (actual: seq<'T>) : unit =
        judge (Seq.forall (fun (one, next) -> one <= next) (Seq.pairwise actual)) "ascending" actual

    let allEqual (expected: 'T) (actual: seq<'T>) : unit =
        judge (Seq.forall ((=) expected) actual) $"%A{expected} alone" actual

    /// The text contains another one; case matters.
    let says (part: string) (actual: string) : unit =
        judge (actual.Contains(part, StringComparison.Ordinal)) $"a text with %A{part}" actual

    let saysNot (part: string) (actual: string) : unit =
        judge (not (actual.Contains(part, StringComparison.Ordinal))) $"a text without %A{part}" actual

    let startsWith (start: string) (actual: string) : unit =
        judge (actual.StartsWith(start, StringComparison.Ordinal)) $"a text that begins with %A{start}" actual

    let endsWith (ending: string) (actual: string) : unit =
        judge (actual.EndsWith(ending, StringComparison.Ordinal)) $"a text that ends with %A{ending}" actual

    let matches (pattern: string) (actual: string) : unit =
        judge (Regex.IsMatch(actual, pattern)) $"a text that matches %A{pattern}" actual

    /// The exception thrown, which must be of exactly this type.
    let thrown<'Fault when 'Fault :> exn> (run: unit -> unit) : 'Fault =
        let fault =
            try
                run ()
                ValueNone
            with fault ->
                ValueSome fault

        match fault with
        | ValueSome fault when fault.GetType() = typeof<'Fault> -> fault :?> 'Fault
        | ValueSome fault -> failtest $"Expected: {typeof<'Fault>}\nBut was:\n{fault}"
        | ValueNone -> failtest $"Expected: {typeof<'Fault>}\nBut nothing was thrown"

    let throws<'Fault when 'Fault :> exn> (run: unit -> unit) : unit = thrown<'Fault> run |> ignore
