namespace CallServer.Model

/// Why a time is believed, strongest first: a reported time is worth more than a bounded one.
type Evidence =
    /// The gateway stated it: a duration, a time stamp, a connect time.
    | Reported
    /// Inferred from counters that the gateway stated, such as packets times packet time.
    | Inferred
    /// Known only from two audits: absent in one, present in the next.
    | Bounded

    /// The name in lower case.
    override this.ToString() =
        match this with
        | Reported -> "reported"
        | Inferred -> "inferred"
        | Bounded -> "bounded"

/// Reads and compares evidence.
module Evidence =
    /// The evidence whose ToString gives this text; `None` for any other text.
    let tryParse (text: string) =
        match text with
        | "reported" -> Some Reported
        | "inferred" -> Some Inferred
        | "bounded" -> Some Bounded
        | _ -> None

    /// The stronger of two.
    let stronger (a: Evidence) (b: Evidence) : Evidence =
        match a, b with
        | Reported, _
        | _, Reported -> Reported
        | Inferred, _
        | _, Inferred -> Inferred
        | Bounded, Bounded -> Bounded

/// A time: the interval it lies in, and why it is believed.
[<Struct>]
type Timing = { Within: Interval; Evidence: Evidence }

/// Makes timings.
module Timing =
    /// A time that the gateway stated.
    let reported (interval: Interval) : Timing = { Within = interval; Evidence = Reported }
    /// A time inferred from counters.
    let inferred (interval: Interval) : Timing = { Within = interval; Evidence = Inferred }
    /// A time bounded by two audits.
    let bounded (interval: Interval) : Timing = { Within = interval; Evidence = Bounded }
