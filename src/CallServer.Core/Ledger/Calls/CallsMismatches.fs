namespace CallServer.Ledger

open System
open CallServer.Model
open CallServer.Ledger.CallsCase

/// Finds what sources state about one call that cannot be true together.
module internal CallsMismatches =
    /// The registered name of a voice codec. A gateway's own words may mean anything, so they are not
    /// compared.
    let private codecOf (leg: Leg) : string voption =
        match leg.Connection.Facts.Codec with
        | ValueNone -> ValueNone
        | ValueSome told ->
            let known = Codec.ofName told.Name

            match known.Name, known.ClockRate with
            | ("telephone-event" | "CN"), _
            | _, ValueNone -> ValueNone
            | name, ValueSome _ -> ValueSome name

    let private codecsOf (legs: Leg[]) =
        legs |> Array.choose (codecOf >> ValueOption.toOption) |> Array.distinct |> Array.sort

    let private compareCodecs (case: Case) (a: Leg[]) (b: Leg[]) =
        let telling = Array.filter (fun leg -> (codecOf leg).IsSome)
        let a, b = telling a, telling b
        let here, there = codecsOf a, codecsOf b

        if a.Length = 0 || b.Length = 0 || Array.exists (fun name -> Array.contains name there) here then
            Nothing
        else
            let both = Array.append a b
            let since = both |> Seq.map _.CodecSince |> latest

            if stillSay case since both then
                let said = String.concat ", "
                found CodecMismatch since $"{names a} {isAre a} {said here}, {names b} {isAre b} {said there}"
            else
                Waiting

    let private pairs (items: 'T[]) =
        seq {
            for i in 0 .. items.Length - 2 do
                for j in i + 1 .. items.Length - 1 do
                    struct (items[i], items[j])
        }

    /// If more sources than this have one call id, it is no real call id.
    let private mostSources = 8

    /// The two ends of one stream must have the same codec. Different sources need only one codec in common,
    /// because something between them may transcode.
    let codec (case: Case) : Verdict =
        firstOf (
            seq {
                for struct (a, b) in streams case.Live do
                    if target b = socket a && LegKey.Compare(a.Key, b.Key) < 0 then
                        compareCodecs case [| a |] [| b |]

                for struct (struct (_, a), struct (_, b)) in
                    bySource case.Live |> Array.truncate mostSources |> pairs do
                    compareCodecs case a b
            }
        )

    let private compareAddresses (case: Case) (a: Leg) (b: Leg) (ofA: MediaAddress) (ofB: MediaAddress) what =
        if CallsKeys.mayBeTranslated ofA ofB then
            Nothing
        else
            let since = Instant.max a.MediaSince b.MediaSince

            if stillSay case since [| a; b |] then
                found AddressMismatch since $"{a.Key} {what} {ofA}, but {b.Key} tells {ofB}"
            else
                Waiting

    /// If A sends to B's socket, but B sends to another socket than A's, media goes astray. Two sources that
    /// report one socket must report one target for it.
    let address (case: Case) : Verdict =
        let sameSocket =
            case.Live
            |> Array.filter (fun leg -> (socket leg).IsSome && (target leg).IsSome)
            |> Array.groupBy socket
            |> Array.filter (fun (_, legs) -> legs.Length > 1 && legs.Length <= mostSources)

        firstOf (
            seq {
                for struct (a, b) in streams case.Live do
                    if
                        a.Key.Gateway <> b.Key.Gateway
                        && (socket a).IsSome
                        && (target b).IsSome
                        && target b <> socket a
                    then
                        let own, told =
                            a.Connection.Facts.LocalMedia.Value, b.Connection.Facts.RemoteMedia.Value

                        compareAddresses case a b own told "listens on"

                for _, legs in sameSocket do
                    for struct (a, b) in pairs legs do
                        if a.Key.Gateway <> b.Key.Gateway && target a <> target b then
                            let here, there =
                                a.Connection.Facts.RemoteMedia.Value, b.Connection.Facts.RemoteMedia.Value

                            compareAddresses case a b here there "sends to"
            }
        )

    /// From the setup to the answer. If only one time is known, it may be either end of the ringing.
    let private span (rules: CallRules) (leg: Leg) : Interval =
        let start = leg.Connection.Start.Within

        match leg.Connection.Setup with
        | ValueSome setup ->
            { Earliest = Instant.min setup.Within.Earliest start.Earliest; Latest = start.Latest }
        | ValueNone -> { Earliest = start.Earliest; Latest = start.Latest + rules.Ringing }

    /// When the call began by one source: its first leg of the call decides.
    let private began (case: Case) (struct (_, legs: Leg[])) =
        let spans = legs |> Array.map (span case.Rules)

        struct (legs,
                { Earliest = spans |> Seq.map _.Earliest |> earliest
                  Latest = spans |> Seq.map _.Latest |> earliest })

    /// Some clocks count whole seconds.
    let private coarse = TimeSpan.FromSeconds 1.0

    let start (case: Case) : Verdict =
        let sources =
            Array.append case.Live case.Gone
            |> bySource
            |> Array.filter (fun (struct (_, legs)) -> legs |> Array.exists _.IsConfirmed)
            |> Array.map (began case)

        if sources.Length < 2 then
            Nothing
        else
            let struct (early, first) = sources |> Array.minBy (fun (struct (_, span)) -> span.Latest)
            let struct (late, last) = sources |> Array.maxBy (fun (struct (_, span)) -> span.Earliest)

            if first.Latest = Instant.distantFuture || last.Earliest = Instant.distantPast then
                Nothing
            else
                let heard = Array.append early late |> Seq.map _.Connection.LastHeard |> latest
                let ppm = early[0].DriftPpm + late[0].DriftPpm
                let drift = TimeSpan.FromSeconds(max 0.0 (heard - first.Latest).TotalSeconds * ppm * 1e-6)

                if last.Earliest <= first.Latest + coarse + drift then
                    Nothing
                else
                    let since (legs: Leg[]) = legs |> Seq.map _.Known |> earliest
                    let apart = (last.Earliest - first.Latest).TotalSeconds

                    found
                        StartMismatch
                        (Instant.max (since early) (since late))
                        $"{names early} began at least {apart:F3} s before {names late}"
