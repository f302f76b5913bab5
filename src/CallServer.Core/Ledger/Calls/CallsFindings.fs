namespace CallServer.Ledger

open CallServer.Ledger.CallsCase

/// Judges one call. Every finding rests on what confirmed connections said, and on when they said it: a leg is over once that is
/// proven, and another outlived it once it was heard alive later. So no timer and no silence makes a finding.
///
///   one-sided                a leg is over, nothing took its place, and the rest was heard alive after the grace
///   media-without-signalling one kind of source tells of the call: it had both; or its gateway's calls usually have both,
///   signalling-without-media   and every gateway that usually joins them was asked completely after the patience
///   codec-mismatch           the two ends of one stream differ; or no codec of one source is one of another's
///   address-mismatch         one end agrees and the other does not, and no address translation explains it
///   start-mismatch           two sources tell spans from setup to answer that no drift of their clocks brings together
module internal CallsFindings =
    let private judges =
        [ CallsEnds.oneSided
          CallsEnds.withoutSignalling
          CallsEnds.withoutMedia
          CallsMismatches.codec
          CallsMismatches.address
          CallsMismatches.start ]

    /// The findings by kind, and whether the next word of a leg may change them.
    let judge (case: Case) : struct (Finding list * bool) =
        if case.Gone.Length = 0 && case.Lacks.IsNone && case.Live.Length < 2 then
            struct ([], false)
        else
            let verdicts = judges |> List.map (fun judge -> judge case)

            let findings =
                verdicts
                |> List.choose (fun verdict ->
                    match verdict with
                    | Proven finding -> Some finding
                    | Nothing
                    | Waiting -> None)

            let isOpen =
                verdicts
                |> List.exists (fun verdict ->
                    match verdict with
                    | Nothing -> false
                    | Waiting
                    | Proven _ -> true)

            struct (findings, isOpen)
