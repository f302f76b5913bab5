namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger.CallsCase

/// Finds legs that are up while what belongs to them is over.
module internal CallsEnds =
    /// Legs that are over and not replaced. A leg counts as replaced if its gateway still has two legs of the
    /// call, or if a leg of its kind is live and not proven to have been there with it.
    let missing (live: Leg[]) (gone: Leg[]) : Leg[] =
        let onGateway = Dictionary<GatewayId, int>()
        let newest = Dictionary<SourceKind voption, Instant>()

        for leg in live do
            onGateway[leg.Key.Gateway] <- 1 + onGateway.GetValueOrDefault leg.Key.Gateway

            newest[leg.Kind] <-
                Instant.max leg.AliveBy (newest.GetValueOrDefault(leg.Kind, Instant.distantPast))

        gone
        |> Array.filter (fun leg ->
            onGateway.GetValueOrDefault leg.Key.Gateway <= 1
            && newest.GetValueOrDefault(leg.Kind, Instant.distantPast) <= leg.Gone.Value.Earliest)

    let oneSided (case: Case) : Verdict =
        match missing case.Live case.Gone with
        | [||] -> Nothing
        | missing ->
            match missing |> Array.filter (fun leg -> outlived case leg.Gone.Value.Latest) with
            | [||] -> Waiting
            | over ->
                let since = over |> Seq.map (fun leg -> leg.Gone.Value.Latest) |> earliest
                let up = case.Live |> Array.filter _.IsConfirmed
                found OneSided since $"{names over} {isAre over} over, {names up} {isAre up} still up"

    let private has kind (legs: Leg[]) = legs |> Array.exists (fun leg -> leg.Kind = ValueSome kind)

    let private without (case: Case) (kind: FindingKind) (present: SourceKind) : Verdict =
        let absent = SourceKind.other present

        if not (has present case.Live) || has absent case.Live then
            Nothing
        else
            match case.Gone |> Array.filter (fun leg -> leg.Kind = ValueSome absent), case.Lacks with
            | [||], ValueNone -> Nothing
            | [||], ValueSome since ->
                found kind since $"{names case.Live} {isAre case.Live} up, and no {absent} tells of the call"
            | ended, _ ->
                let since = ended |> Seq.map (fun leg -> leg.Gone.Value.Latest) |> latest

                if outlived case since then
                    found
                        kind
                        since
                        $"{names case.Live} {isAre case.Live} up, the {absent} of {names ended} is over"
                else
                    Waiting

    let withoutMedia (case: Case) : Verdict = without case SignallingWithoutMedia Signalling
    let withoutSignalling (case: Case) : Verdict = without case MediaWithoutSignalling Media
