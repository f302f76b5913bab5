namespace CallServer.Tests.Ledger

open CallServer.Model
open CallServer.Ledger

/// Setup <= start <= heard <= end, and what follows for the bill: holds for every connection and CDR, whatever a
/// gateway says.
module TimeLaw =
    let private isPending (c: Connection) = c.Start.Within.Latest = Instant.distantFuture

    let private ordered (earlier: Interval) (later: Interval) =
        earlier.Earliest <= later.Earliest && earlier.Latest <= later.Latest

    let private check (what: string) (holds: bool) = if holds then [] else [ what ]

    let private setupAndStart (c: Connection) =
        match c.Setup with
        | ValueSome setup -> check "setup <= start" (ordered setup.Within c.Start.Within)
        | ValueNone -> []

    /// The names of the laws that an active connection breaks, last heard by that moment.
    let brokenBy (heard: Instant) (c: Connection) : string list =
        [ yield! setupAndStart c

          match c.Setup with
          | ValueSome setup ->
              yield!
                  check
                      "setup <= heard"
                      (setup.Within.Earliest <= c.LastHeard && setup.Within.Latest <= heard)
          | ValueNone -> ()

          yield! check "heard by then" (c.LastHeard <= heard)

          if not (isPending c) then
              yield!
                  check
                      "start <= heard"
                      (c.Start.Within.Earliest <= c.LastHeard && c.Start.Within.Latest <= heard) ]

    /// The names of the laws that an ended connection and its CDR break.
    let brokenByEnd (traits: Traits) (c: Connection) (ending: Ending) : string list =
        let cdr = Cdr.create (GatewayId.create "any") traits c ending
        let billed, stamp = Cdr.billedSeconds cdr, Cdr.endStamp cdr

        [ yield! setupAndStart c
          yield! check "heard <= end" (c.LastHeard <= ending.Within.Earliest)
          yield! check "start <= end" (isPending c || ordered c.Start.Within ending.Within)

          match c.Setup with
          | ValueSome setup ->
              yield! check "setup <= end" (ordered setup.Within ending.Within)
              yield! check "start_stamp <= end_stamp" (setup.Within.Latest <= stamp)
          | ValueNone -> ()

          yield! check "billsec <= duration" (billed <= Cdr.duration cdr)
          yield!
              check
                  "billsec_min <= billsec_max"
                  (billed <= (Cdr.billedSecondsMax cdr |> ValueOption.defaultValue billed))
          yield! check "answer_stamp <= end_stamp" (isPending c || c.Start.Within.Latest <= stamp)
          yield! check "end_stamp within the end" (Interval.contains stamp ending.Within) ]
